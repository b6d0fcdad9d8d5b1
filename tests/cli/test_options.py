"""The help texts name their choices in words; they must stay the real ones."""

import subprocess
import sys
from typing import get_args

import pytest

from graphllm.cli import options
from graphllm.cli.llaga_choices import DTYPES, TASKS, TEMPLATES
from graphllm.data import SPLITS
from graphllm.experiments.llaga import NODE_ARMS
from graphllm.graph_tokens.tree_encoding import TreeEncoding
from graphllm.models import BACKBONES
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.domain import DOMAINS
from graphllm.selection import SELECTORS


def help_of(annotated):
    return annotated.__metadata__[0].help


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        (options.Split, SPLITS),
        (options.Backbone, BACKBONES),
        (options.Selector, SELECTORS),
        (options.Domain, [d.name for d in DOMAINS]),
        (options.Pool, ("train", "train+neighbors", "all")),
        (options.Fusion, ("random_view", "replace", "mix")),
        (options.NodeSplit, SPLITS),
        (options.Task, TASKS),
        (options.GraphTemplate, TEMPLATES),
        (options.TreeEncoding, [*get_args(TreeEncoding), "none"]),
        (options.PadMode, get_args(PadMode)),
        (options.Dtype, DTYPES),
        (options.Arms, NODE_ARMS),
    ],
)
def test_help_lists_every_choice(option, choices):
    for choice in choices:
        assert choice in help_of(option)


def test_help_loads_no_torch():
    code = (
        "import sys; from graphllm.cli.main import build_app; build_app();"
        "print([m for m in ('torch', 'torch_geometric', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

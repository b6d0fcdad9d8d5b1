"""The help texts name the choices in words; they must stay the real ones."""

import re
from typing import get_args

import pytest

from graphllm.cli import ladling_options as options
from graphllm.cli.ladling_choices import AROUND, LOADERS, MODELS, NORMS, RUNNERS
from graphllm.experiments.ladling import METHODS
from graphllm.sparsify.mixing import Mix


def words_of(option):
    return re.findall(r"[\w-]+", option.__metadata__[0].help)


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        (options.Model, MODELS),
        (options.Loader, LOADERS),
        (options.RunnerName, RUNNERS),
        (options.Norm, NORMS),
        (options.Methods, METHODS),
        (options.Mix, get_args(Mix)),
    ],
)
def test_help_lists_every_choice(option, choices):
    assert set(choices) <= set(words_of(option))


@pytest.mark.parametrize(
    ("option", "default"),
    [
        (options.Sparsity, AROUND["mog"]["sparsity"]),
        (options.Mix, AROUND["mog"]["mix"]),
        (options.EnhancingLlm, AROUND["ellagnn"]["llm"]),
        (options.EnhancingSelector, AROUND["ellagnn"]["selector"]),
        (options.EnhancingBudget, AROUND["ellagnn"]["budget"]),
        (options.EnhancingPrompts, AROUND["ellagnn"]["prompts"]),
    ],
)
def test_help_says_the_default(option, default):
    assert option.__metadata__[0].help.endswith(f"[default: {default}]")

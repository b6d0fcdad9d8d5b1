"""The help texts name the choices in words; they must stay the real ones."""

import re
from typing import get_args

import pytest

from graphllm.cli import compress_options as options
from graphllm.cli.compress_choices import METHODS
from graphllm.compress.allocate.resolve import ALLOCATIONS
from graphllm.compress.ffn.width import SCORES
from graphllm.compress.gguf.tensors import TYPES
from graphllm.compress.repair.repair import Method


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        (options.Method, METHODS),
        (options.Allocate, [each.name for each in ALLOCATIONS]),
        (options.Score, SCORES),
        (options.Mode, ("dynamic", "static")),
        (options.Objective, ("rank", "params")),
        (options.Repair, get_args(Method)),
    ],
)
def test_help_lists_every_choice(option, choices):
    told = set(re.findall(r"[\w-]+", option.__metadata__[0].help))
    assert set(choices) <= told


def test_gguf_types_that_are_named_exist():
    told = options.Gguf.__metadata__[0].help.partition(": ")[2].rstrip(".")
    named = told.replace(" or ", ", ").split(", ")
    assert set(named) <= set(TYPES)
    assert len(named) == 5

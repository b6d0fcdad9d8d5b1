import pytest
import torch

from graphllm.compress.speed import compare_speed, speed
from graphllm.errors import CompressionError


class Counting:
    """Counts what a model is asked to read."""

    def __init__(self, model):
        self.lengths = []
        model.register_forward_pre_hook(self.count, with_kwargs=True)

    def count(self, module, args, named):
        self.lengths.append(named["input_ids"].size(1))


def test_all_models_are_measured_in_turns(tiny_model):
    first, second = tiny_model("llama"), tiny_model("gpt2")
    lengths = Counting(first).lengths
    found = compare_speed({"a": first, "b": second}, prefill=8, decode=3, repeats=2)
    assert list(found) == ["a", "b"]
    assert all(value > 0 for each in found.values() for value in each)
    # One round to warm up and two that count: a prompt and three tokens each.
    assert lengths == [8, 1, 1, 1] * 3


def test_a_prompt_is_read_as_given(tiny_model):
    model, seen = tiny_model("llama"), []
    model.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_ids"]), with_kwargs=True
    )
    speed(model, prefill=4, decode=1, repeats=1, prompt=torch.arange(3, 10))
    assert seen[0].tolist() == [[3, 4, 5, 6]]


def test_wrong_numbers(tiny_model):
    with pytest.raises(CompressionError, match="must be positive"):
        speed(tiny_model("llama"), decode=0)
    with pytest.raises(CompressionError, match="fewer than 'prefill'"):
        speed(tiny_model("llama"), prefill=9, prompt=torch.arange(8))

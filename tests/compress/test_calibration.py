import pytest
import torch

from graphllm.compress import Calibration
from graphllm.compress.calibration import needed
from graphllm.errors import CompressionError
from graphllm.testing.tiny_llms import byte_tokenizer

TEXTS = [f"The paper number {i} is about graphs of size {i * i}." for i in range(40)]


def test_sequences_are_windows_of_the_texts():
    tokenizer = byte_tokenizer()
    calibration = Calibration.from_texts(TEXTS, tokenizer, num_sequences=5, length=30)
    assert calibration.input_ids.shape == (5, 30)
    assert calibration.num_tokens == 150
    text = "".join(TEXTS)
    for row in calibration.input_ids:
        part = tokenizer.decode(row).strip().split("\n\n")[0]
        assert part
        assert part in text


def test_the_seed_decides():
    tokenizer = byte_tokenizer()

    def draw(seed):
        return Calibration.from_texts(TEXTS, tokenizer, 5, 30, seed=seed).input_ids

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_one_long_text_is_cut_at_random_without_repeats():
    tokenizer = byte_tokenizer()
    text = " ".join(TEXTS)
    ids = tokenizer(text + "\n\n")["input_ids"]
    calibration = Calibration.from_texts(text, tokenizer, num_sequences=10**6, length=9)
    rows = {tuple(row) for row in calibration.input_ids.tolist()}
    windows = {tuple(ids[i : i + 9]) for i in range(0, len(ids) - 8, 9)}
    assert rows == windows
    assert len(calibration.input_ids) == len(ids) // 9


@pytest.mark.parametrize("texts", [[], ["", "  \n"], ""])
def test_no_text(texts):
    with pytest.raises(CompressionError, match="the calibration is empty"):
        Calibration.from_texts(texts, byte_tokenizer())


def test_less_than_one_sequence():
    with pytest.raises(
        CompressionError, match=r"has \d+ tokens, fewer than one sequence of 64"
    ):
        Calibration.from_texts(["hello"], byte_tokenizer(), length=64)


@pytest.mark.parametrize(("number", "length"), [(0, 4), (4, 0)])
def test_positive_numbers(number, length):
    with pytest.raises(CompressionError, match="must be positive"):
        Calibration.from_texts(TEXTS, byte_tokenizer(), number, length)


@pytest.mark.parametrize("ids", [torch.zeros(3), torch.zeros(3, dtype=torch.long)])
def test_the_shape_is_checked(ids):
    with pytest.raises(CompressionError, match=r"integers of shape \(N, T\)"):
        Calibration(ids)


def test_an_empty_tensor():
    with pytest.raises(CompressionError, match="the calibration is empty"):
        Calibration(torch.zeros(0, 8, dtype=torch.long))


def test_a_missing_calibration_says_how_to_make_one():
    with pytest.raises(CompressionError, match=r"'wanda' needs.*from_texts"):
        needed(None, "wanda")

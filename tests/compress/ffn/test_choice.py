import pytest
import torch

from graphllm.compress.ffn.choice import (
    check_blocks,
    check_choice,
    check_cosines,
    most_similar,
)
from graphllm.errors import CompressionError


def test_the_most_similar_are_taken():
    cosines = torch.tensor([0.1, 0.9, 0.8, 0.9, 0.95, 0.2])
    assert most_similar(cosines, 0.34, range(6)) == [1, 4]
    assert most_similar(cosines, 0.34, range(4)) == [1, 3]
    assert most_similar(cosines, 0.01, range(6)) == [4]
    with pytest.raises(CompressionError, match="only 2 may be"):
        most_similar(cosines, 0.5, range(2))
    with pytest.raises(CompressionError, match="6 of 6 blocks"):
        most_similar(cosines, 0.95, range(6))


def test_cosines_must_be_numbers():
    fine = torch.tensor([0.1, 0.2])
    assert check_cosines(fine) is fine
    with pytest.raises(CompressionError, match="block 1 are not finite"):
        check_cosines(torch.tensor([0.1, torch.nan]))


def test_a_list_is_checked():
    assert check_blocks((3, 1), 4) == (1, 3)
    for wrong in ((4,), (0, 1, 2, 3)):
        with pytest.raises(CompressionError, match="must be below 4"):
            check_blocks(wrong, 4)


@pytest.mark.parametrize(
    ("blocks", "ratio", "message"),
    [
        ((), None, "either 'blocks' or 'ratio'"),
        ((1,), 0.5, "either 'blocks' or 'ratio'"),
        ((), 1.5, r"inside of \(0, 1\)"),
        ((1, 1), None, "different indices"),
        ((-1,), None, "different indices"),
    ],
)
def test_a_choice_is_one_of_two(blocks, ratio, message):
    with pytest.raises(CompressionError, match=message):
        check_choice(blocks, ratio)

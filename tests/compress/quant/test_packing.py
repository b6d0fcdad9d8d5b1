import pytest
import torch

from graphllm.compress.quant.packing import pack, signed, unpack


def test_by_hand():
    codes = torch.tensor([[1, 2, 15, 4, 5]], dtype=torch.uint8)
    # Columns 0 and 3, 1 and 4, 2 and none.
    assert pack(codes).tolist() == [[1 + 16 * 4, 2 + 16 * 5, 15]]


@pytest.mark.parametrize("columns", [1, 2, 7, 64])
def test_there_and_back(columns):
    codes = torch.randint(0, 16, (5, columns), dtype=torch.uint8)
    packed = pack(codes)
    assert packed.shape == (5, (columns + 1) // 2)
    assert torch.equal(unpack(packed, columns), codes)
    assert torch.equal(unpack(packed, columns, torch.float32), codes.float())


def test_signed():
    codes = torch.tensor([1, 127, 128, 129, 255], dtype=torch.uint8)
    assert signed(codes).tolist() == [-127, -1, 0, 1, 127]

"""Codes as they are stored: two of four bits in a byte, or one with a sign."""

import torch
from torch import Tensor


def pack(codes: Tensor) -> Tensor:
    r"""Put the left half of each row into low nibbles and the right into high ones.

    Args:
        codes (Tensor): :math:`(m, n)` ``uint8`` below 16.

    Returns:
        Tensor: :math:`(m, \lceil n / 2 \rceil)` ``uint8``.
    """
    half = (codes.size(1) + 1) // 2
    packed = codes[:, :half].clone()
    packed[:, : codes.size(1) - half] |= codes[:, half:] << 4
    return packed


def unpack(packed: Tensor, columns: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    r"""Undo :func:`pack`.

    Args:
        packed (Tensor): :math:`(m, \lceil n / 2 \rceil)` ``uint8``.
        columns (int): :math:`n`.
        dtype (torch.dtype, optional): Of the result; what follows is arithmetic, so
            that converting here saves a pass. (default: ``uint8``)

    Returns:
        Tensor: :math:`(m, n)`.
    """
    half = packed.size(1)
    codes = torch.empty(packed.size(0), columns, dtype=dtype, device=packed.device)
    codes[:, :half] = packed & 15
    codes[:, half:] = packed[:, : columns - half] >> 4
    return codes


def signed(codes: Tensor) -> Tensor:
    """Symmetric codes of eight bits around zero instead of 128.

    Args:
        codes (Tensor): ``uint8``.

    Returns:
        Tensor: ``int8``, of the same shape.
    """
    return (codes.to(torch.int16) - 128).to(torch.int8)

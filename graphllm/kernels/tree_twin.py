"""The trees of the kernel in plain torch, for any device."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from graphllm.kernels.sample import MIX_1, MIX_2, STEP, TWO_32
from graphllm.kernels.tree import PAD

LOW_32 = (1 << 32) - 1


def sample_trees_twin(
    indptr: Tensor,
    indices: Tensor,
    roots: Tensor,
    fan_outs: Sequence[int],
    key: int = 0,
    exclude: Tensor | None = None,
) -> Tensor:
    """What :func:`~graphllm.kernels.tree.sample_trees` does, to the last bit.

    Every step is taken for all positions of a level at once. The random numbers are
    the kernel's: its 64-bit arithmetic wraps around in ``int64`` as it does without a
    sign. Needs memory of some :math:`20` numbers a position, so ask for thousands of
    roots a call, not for millions.

    Args:
        indptr (Tensor): As in the kernel, like the next one; on any device.
        indices (Tensor): Node ids, ascending for each node.
        roots (Tensor): :math:`(B)` node ids.
        fan_outs (Sequence[int]): Children a position, one entry a level.
        key (int, optional): Names the stream of random numbers. (default: :obj:`0`)
        exclude (Tensor, optional): :math:`(B)`, the node at the other end of the edge
            that is not walked, or -1. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(B, T)` ``int32``, on the device of ``indices``.
    """
    root = roots.to(indices.device, torch.long).view(-1, 1)
    other = torch.full_like(root, PAD)
    if exclude is not None:
        other = exclude.to(root).view(-1, 1)
    stream = _mix(_mix(torch.full_like(root, _signed(key))) ^ root)
    levels = [root]
    first = 0
    for count in fan_outs:
        node = levels[-1]
        position = torch.arange(first, first + node.size(1), device=node.device)
        banned = torch.where(node == other, root, PAD)
        banned = torch.where(node == root, other, banned)
        banned = torch.where(node >= 0, banned, PAD)
        children = _children(
            indptr, indices, node.flatten(), banned.flatten(), count,
            _mix(stream ^ position).flatten(),
        )  # fmt: skip
        first += node.size(1)
        levels.append(children.view(root.size(0), node.size(1) * count))
    return torch.cat(levels, dim=1).int()


def _children(
    indptr: Tensor,
    indices: Tensor,
    node: Tensor,
    banned: Tensor,
    count: int,
    state: Tensor,
) -> Tensor:
    """Children of each node, :math:`(R, s)`, -1 where there are no more."""
    begin, end = indptr[node.clamp(min=0)], indptr[node.clamp(min=0) + 1]
    end = torch.where(node >= 0, end, begin)
    gap = _first_not_below(indices, begin, end, banned)
    width = _first_not_below(indices, gap, end, banned + 1) - gap
    degree = end - begin - width
    slots = torch.arange(count, device=node.device)
    offset = torch.where(slots < degree.view(-1, 1), slots, PAD)
    many = (degree > count).nonzero().view(-1)
    if many.numel():
        offset[many] = _shuffled(_floyd(degree[many], count, state[many]), state[many])
    at = begin.view(-1, 1) + offset
    at = torch.where(at >= gap.view(-1, 1), at + width.view(-1, 1), at)
    if indices.numel() == 0:
        return offset
    return torch.where(offset >= 0, indices[at.clamp(0, indices.numel() - 1)], PAD)


def _floyd(degree: Tensor, count: int, state: Tensor) -> Tensor:
    picked = degree.new_empty(degree.numel(), count)
    for slot in range(count):
        last = degree - count + slot
        drawn, state = _below(state, last + 1)
        again = (picked[:, :slot] == drawn.view(-1, 1)).any(dim=1)
        picked[:, slot] = torch.where(again, last, drawn)
    return picked


def _shuffled(picked: Tensor, state: Tensor) -> Tensor:
    state = _mix(state)
    for last in range(picked.size(1) - 1, 0, -1):
        other, state = _below(state, torch.full_like(state, last + 1))
        here, there = picked[:, last].clone(), other.view(-1, 1)
        picked[:, last] = picked.gather(1, there).view(-1)
        picked.scatter_(1, there, here.view(-1, 1))
    return picked


def _first_not_below(
    indices: Tensor, low: Tensor, high: Tensor, node: Tensor
) -> Tensor:
    """Binary search in all rows at once, as many steps as the longest row needs."""
    longest = int((high - low).max()) if low.numel() else 0
    for _ in range(longest.bit_length()):
        middle = (low + high) // 2
        open_ = low < high
        below = open_ & (indices[middle.clamp(max=indices.numel() - 1)] < node)
        low = torch.where(below, middle + 1, low)
        high = torch.where(open_ & ~below, middle, high)
    return low


def _below(state: Tensor, bound: Tensor) -> tuple[Tensor, Tensor]:
    """Uniform integers in [0, bound), bound < 2^31, and the states after the draw."""
    product = _shifted(_mix(state), 32) * bound
    state = state + _signed(STEP)
    bar = (int(TWO_32) - bound) % bound
    low = ((product & LOW_32) < bar).nonzero().view(-1)
    # A chance of bound / 2^32 each: hardly ever more than a look.
    while low.numel():
        product[low] = _shifted(_mix(state[low]), 32) * bound[low]
        state[low] += _signed(STEP)
        low = low[(product[low] & LOW_32) < bar[low]]
    return product >> 32, state


def _mix(value: Tensor) -> Tensor:
    value = value + _signed(STEP)
    value = (value ^ _shifted(value, 30)) * _signed(MIX_1)
    value = (value ^ _shifted(value, 27)) * _signed(MIX_2)
    return value ^ _shifted(value, 31)


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Shift to the right that fills with zeros, not with the sign."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int | np.uint64) -> int:
    """The ``int64`` with the same bits."""
    return (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)

"""The best edges of every node, each node with a budget of its own."""

from typing import NamedTuple

import torch
from numba import njit
from torch import Tensor

from graphllm.errors import TextGraphError
from graphllm.kernels.row_selection import select
from graphllm.kernels.row_spans import over_rows
from graphllm.kernels.undirected import Ints


class RowGroups(NamedTuple):
    """Edges grouped by the node that owns them.

    Args:
        indptr (Tensor): :math:`(N + 1)` ``int64``; node ``i`` owns the edges
            ``order[indptr[i]:indptr[i + 1]]``.
        order (Tensor): :math:`(E)` ``int64`` positions, ascending for each node.
    """

    indptr: Tensor
    order: Tensor

    def degree(self) -> Tensor:
        """Edges of each node, :math:`(N)`."""
        return self.indptr.diff()


def group_rows(row: Tensor, num_nodes: int) -> RowGroups:
    """Group edges by their owner, for :func:`row_topk` to be asked many times.

    Args:
        row (Tensor): :math:`(E)` ``int64`` node ids, in any order.
        num_nodes (int): Number of nodes.

    Returns:
        RowGroups: On the device of ``row``.

    Raises:
        TextGraphError: If an edge belongs to a node that does not exist.
    """
    if row.numel() > 0:
        low, high = (int(bound) for bound in torch.aminmax(row))
        if low < 0 or high >= num_nodes:
            raise TextGraphError(
                f"'row' must hold ids in [0, {num_nodes - 1}] (got "
                f"{low if low < 0 else high}); the graph has {num_nodes} nodes"
            )
    row = row.contiguous()
    indptr = row.new_zeros(num_nodes + 1)
    torch.cumsum(torch.bincount(row, minlength=num_nodes), 0, out=indptr[1:])
    if row.is_cpu:
        order = torch.empty_like(row)
        _fill_groups(row.numpy(), indptr[:-1].numpy().copy(), order.numpy())
        return RowGroups(indptr, order)
    return RowGroups(indptr, torch.argsort(row, stable=True))


def row_topk(score: Tensor, row: Tensor | RowGroups, budget: Tensor) -> Tensor:
    r"""Mark the best edges of every node.

    Edge :math:`e` of node :math:`i` is kept if fewer than :math:`b_i` edges of that
    node stand before it in the order of falling scores, where the edge that is stored
    first wins a tie. So exactly :math:`\min(b_i, d_i)` of its :math:`d_i` edges are
    kept, whatever the scores are.

    On the CPU each row is selected from in numba: by insertion where it is short, and
    by counting the digits of the scores where it is long, which takes time
    proportional to the length of the row. On other devices it is
    :func:`row_topk_twin`.

    Args:
        score (Tensor): :math:`(E)` or :math:`(E, M)` floating, one selection a column.
        row (Tensor or RowGroups): :math:`(E)` ``int64``, the node that owns each edge,
            or what :func:`group_rows` made of it.
        budget (Tensor): :math:`(N)` for all columns, or :math:`(N, M)` ``int64``.

    Returns:
        Tensor: ``bool``, as ``score``.

    Raises:
        TextGraphError: If shapes do not match or a score is not a number.
    """
    group = row if isinstance(row, RowGroups) else group_rows(row, budget.size(0))
    table, budget = _checked(score, group, budget)
    if not score.is_cpu:
        return row_topk_twin(score, group, budget)
    if table.dtype not in (torch.float32, torch.float64):
        table = table.float()
    wide = table.dtype == torch.float64
    bits = table.contiguous().view(torch.int64 if wide else torch.int32).numpy()
    width = 64 if wide else 32
    keep = torch.zeros(table.shape, dtype=torch.bool)
    indptr, order = group.indptr.numpy(), group.order.numpy()
    wanted, marks = budget.numpy(), keep.numpy()
    over_rows(
        lambda low, high: select(bits, width, indptr, order, wanted, low, high, marks),
        indptr,
    )
    return keep.view(score.shape)


def row_topk_twin(score: Tensor, row: Tensor | RowGroups, budget: Tensor) -> Tensor:
    """What :func:`row_topk` does, in plain torch for any device.

    One sort a column, of numbers that hold the row above the falling score.

    Args:
        score (Tensor): As in :func:`row_topk`, like the next two.
        row (Tensor or RowGroups): Owners of the edges.
        budget (Tensor): Edges to keep.

    Returns:
        Tensor: ``bool``, as ``score``.

    Raises:
        TextGraphError: If shapes do not match or a score is not a number.
    """
    group = row if isinstance(row, RowGroups) else group_rows(row, budget.size(0))
    table, budget = _checked(score, group, budget)
    owner = torch.empty_like(group.order)
    rows = torch.arange(budget.size(0), device=owner.device)
    sorted_owner = rows.repeat_interleave(group.degree())
    owner[group.order] = sorted_owner
    rank = torch.arange(owner.numel(), device=owner.device)
    rank -= group.indptr[sorted_owner]
    keep = torch.empty_like(table, dtype=torch.bool)
    for column in range(table.size(1)):
        key = (owner << 32) - _rising(table[:, column])
        order = torch.argsort(key, stable=True)
        wanted = budget[:, min(column, budget.size(1) - 1)]
        keep[order, column] = rank < wanted[sorted_owner]
    return keep.view(score.shape)


def _checked(score: Tensor, group: RowGroups, budget: Tensor) -> tuple[Tensor, Tensor]:
    """Scores and budgets as tables, (E, M) and (N, 1 or M)."""
    num_nodes, num_edges = group.indptr.numel() - 1, group.order.numel()
    table = score.detach().view(-1, 1) if score.dim() == 1 else score.detach()
    if table.dim() != 2 or table.size(0) != num_edges or not score.is_floating_point():
        raise TextGraphError(
            f"'score' must be floating of shape ({num_edges},) or ({num_edges}, M) "
            f"(got {score.dtype} of shape {tuple(score.shape)}); give one an edge"
        )
    wanted = budget.view(-1, 1) if budget.dim() == 1 else budget
    if wanted.size(0) != num_nodes or wanted.size(1) not in (1, table.size(1)):
        raise TextGraphError(
            f"'budget' must have shape ({num_nodes},) or ({num_nodes}, "
            f"{table.size(1)}) (got {tuple(budget.shape)}); give one count a node"
        )
    if bool(table.isnan().any()):
        raise TextGraphError(
            f"'score' holds {int(table.isnan().sum())} values that are not numbers; "
            "training may have diverged, lower the learning rate"
        )
    return table, wanted


def _rising(score: Tensor) -> Tensor:
    """Integers below 2^31 in size that are ordered, and tied, as the scores are."""
    if score.dtype == torch.float64:
        return torch.unique(score, return_inverse=True)[1]
    # Zero has two signs, and adding makes them one.
    bits = (score.float() + 0.0).view(torch.int32)
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).long()


@njit(cache=True, nogil=True)
def _fill_groups(row: Ints, cursor: Ints, order: Ints) -> None:
    for edge in range(row.size):
        order[cursor[row[edge]]] = edge
        cursor[row[edge]] += 1

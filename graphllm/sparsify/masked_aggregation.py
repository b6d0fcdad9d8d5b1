"""PyG's aggregations over the messages of the kept edges alone."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch_geometric.nn.aggr as pyg
from torch import Tensor, nn
from torch_geometric.utils import scatter

from graphllm.errors import TextGraphError
from graphllm.sparsify.base import KEPT_ABOVE

# As in PyG: smaller variances count as none, where the root has no gradient.
MIN_VARIANCE = 1e-5
# A removed edge may have any logit; above this, its gradient is as if it had this one.
MAX_LEAD = 20.0


class MaskedAggregation(pyg.Aggregation):
    r"""What an aggregation gives where removed edges send nothing.

    The value is the one on the messages with :math:`m_{ji} = 1` alone. Sums, and what
    is made of them, are also differentiated where an edge is removed:

    .. math::
        \mathrm{sum}_i &= \sum_j m_{ji} \mathbf{x}_{ji}, \qquad
        \mathrm{mean}_i = \frac{\sum_j m_{ji} \mathbf{x}_{ji}}{\sum_j m_{ji}}, \qquad
        \mathrm{var}_i = \mathrm{mean}_i(\mathbf{x}^2) - \mathrm{mean}_i(\mathbf{x})^2
        \\
        \mathrm{softmax}_i &= \sum_j \frac{m_{ji} \exp(t \, \mathbf{x}_{ji})}
            {\sum_k m_{ki} \exp(t \, \mathbf{x}_{ki})} \, \mathbf{x}_{ji}, \qquad
        d_i = \sum_j m_{ji}

    with :math:`d_i` the degree that degree scalers read. Any other aggregation is
    handed :math:`m_{ji} \mathbf{x}_{ji}` of the kept edges and nothing else, which is
    right whatever it does; there a removed edge has the gradient zero. Nodes without
    a kept edge give what PyG gives for nodes without an edge.

    Args:
        aggr (Aggregation): PyG's, or one's own.
        mask (Tensor, optional): :math:`(|E|)` of ones and zeros; may be set later.
            (default: :obj:`None`)
    """

    def __init__(self, aggr: pyg.Aggregation, mask: Tensor | None = None) -> None:
        super().__init__()
        self.aggr = aggr
        self.mask = mask

    def __getattr__(self, name: str) -> Any:
        """What only the aggregation has, such as the degrees a network measures."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "aggr":
                raise
            return getattr(self.aggr, name)

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """As of the aggregation itself; ``ptr`` counts removed edges and is not read.

        Raises:
            TextGraphError: If there is not one message for each entry of the mask.
        """
        mask = self.mask
        if mask is None or index is None or mask.numel() != x.size(dim):
            given = "no mask" if mask is None else f"{mask.numel()} entries of the mask"
            raise TextGraphError(
                f"{type(self.aggr).__name__} was given {x.size(dim)} messages and "
                f"{given}; mask_messages needs one message an edge"
            )
        shape = [1] * x.dim()
        shape[dim] = -1
        messages = _Messages(x, mask.to(x.dtype).view(shape), index, dim_size, dim)
        return _masked(self.aggr, messages)


def masked_softmax(
    logits: Tensor, mask: Tensor, index: Tensor, dim_size: int | None, dim: int = 0
) -> Tensor:
    r"""Softmax over the kept edges of each node.

    .. math::
        \alpha_{ji} = \frac{m_{ji} \exp(z_{ji})}{\sum_k m_{ki} \exp(z_{ki})}

    Removed edges have :math:`\alpha_{ji} = 0` and yet a gradient: the one that says
    what they would change.

    Args:
        logits (Tensor): :math:`(*, |E|, *)`.
        mask (Tensor): Ones and zeros, broadcastable.
        index (Tensor): :math:`(|E|)`, the node of each edge.
        dim_size (int, optional): Number of nodes.
        dim (int, optional): Where the edges are. (default: :obj:`0`)

    Returns:
        Tensor: As ``logits``; all zero for nodes without a kept edge.
    """
    removed = mask < KEPT_ABOVE
    known = logits.detach().masked_fill(removed, -math.inf)
    highest = scatter(known, index, dim, dim_size, reduce="max")
    # Without a kept edge any number will do.
    highest = highest.masked_fill(highest == -math.inf, 0.0)
    lead = logits - highest.index_select(dim, index)
    weight = mask * torch.where(removed, lead.clamp(max=MAX_LEAD), lead).exp()
    total = scatter(weight, index, dim, dim_size, reduce="sum")
    total = total.masked_fill(total == 0.0, 1.0)
    return weight / total.index_select(dim, index)


class _Messages:
    """Messages and their mask, with the sums that aggregations are made of."""

    def __init__(
        self, x: Tensor, mask: Tensor, index: Tensor, dim_size: int | None, dim: int
    ) -> None:
        self.x = x
        self.mask = mask
        self.index = index
        self.dim_size = dim_size
        self.dim = dim

    def sum(self, values: Tensor) -> Tensor:
        return scatter(values, self.index, self.dim, self.dim_size, reduce="sum")

    def degree(self) -> Tensor:
        return self.sum(self.mask)

    def mean(self, values: Tensor) -> Tensor:
        degree = self.degree()
        # Not clamped: its gradient is the same on both sides of a degree of one.
        degree = torch.where(degree.detach() < KEPT_ABOVE, 1.0, degree)
        return self.sum(self.mask * values) / degree

    def kept(self, aggr: nn.Module) -> Tensor:
        keep = (self.mask.flatten() > KEPT_ABOVE).nonzero().view(-1)
        messages = (self.mask * self.x).index_select(self.dim, keep)
        return aggr(messages, self.index[keep], dim_size=self.dim_size, dim=self.dim)


def _sum(aggr: pyg.SumAggregation, messages: _Messages) -> Tensor:
    return messages.sum(messages.mask * messages.x)


def _mean(aggr: pyg.MeanAggregation, messages: _Messages) -> Tensor:
    return messages.mean(messages.x)


def _var(aggr: pyg.VarAggregation, messages: _Messages) -> Tensor:
    x = messages.x.detach() if aggr.semi_grad else messages.x
    return messages.mean(x * x) - messages.mean(messages.x).square()


def _std(aggr: pyg.StdAggregation, messages: _Messages) -> Tensor:
    out = _var(aggr.var_aggr, messages).clamp(min=MIN_VARIANCE).sqrt()
    return out.masked_fill(out <= math.sqrt(MIN_VARIANCE), 0.0)


def _softmax(aggr: pyg.SoftmaxAggregation, messages: _Messages) -> Tensor:
    scale = aggr.t.view(-1, aggr.channels) if aggr.channels != 1 else aggr.t
    x = messages.x.detach() if aggr.semi_grad else messages.x
    alpha = masked_softmax(
        x * scale, messages.mask, messages.index, messages.dim_size, messages.dim
    )
    return messages.sum(alpha * messages.x)


def _multi(aggr: pyg.MultiAggregation, messages: _Messages) -> Tensor:
    return aggr.combine([_masked(part, messages) for part in aggr.aggrs])


def _degree_scaler(aggr: pyg.DegreeScalerAggregation, messages: _Messages) -> Tensor:
    out, degree = _masked(aggr.aggr, messages), messages.degree()
    at_least_one = degree.clamp(min=1.0)
    scales = {
        "identity": lambda: 1.0,
        "amplification": lambda: degree.log1p() / aggr.avg_deg_log,
        "attenuation": lambda: aggr.avg_deg_log / at_least_one.log1p(),
        "linear": lambda: degree / aggr.avg_deg_lin,
        "inverse_linear": lambda: aggr.avg_deg_lin / at_least_one,
    }
    return torch.cat([out * scales[name]() for name in aggr.scaler], dim=-1)


def _masked(aggr: pyg.Aggregation, messages: _Messages) -> Tensor:
    twins: dict[type, Callable[..., Tensor]] = {
        pyg.SumAggregation: _sum,
        pyg.MeanAggregation: _mean,
        pyg.VarAggregation: _var,
        pyg.StdAggregation: _std,
        pyg.SoftmaxAggregation: _softmax,
        pyg.MultiAggregation: _multi,
        pyg.DegreeScalerAggregation: _degree_scaler,
    }
    # The exact class: a subclass may compute anything.
    twin = twins.get(type(aggr))
    return messages.kept(aggr) if twin is None else twin(aggr, messages)

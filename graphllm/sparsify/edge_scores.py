"""A small network on every edge, without a hidden layer for every edge in memory."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Edges at once: 2 MB for a hidden layer of 64 channels, which stays in the cache.
CHUNK = 1 << 13


class EdgeNetwork(NamedTuple):
    """Parameters of :func:`edge_scores`, for :math:`K = C S` experts.

    Args:
        h_src (Tensor): :math:`(|V|, h)`, what a node adds to the edges that leave it.
        h_dst (Tensor): :math:`(|V|, h)`, what it adds to the edges that enter it.
        prior_weight (Tensor): :math:`(C, h)`.
        out_weight (Tensor): :math:`(K, h)`.
        prior_scale (Tensor): :math:`(K)`.
    """

    h_src: Tensor
    h_dst: Tensor
    prior_weight: Tensor
    out_weight: Tensor
    prior_scale: Tensor


def edge_scores(
    network: EdgeNetwork,
    edge_index: Tensor,
    prior: Tensor,
    chosen: Tensor | None = None,
) -> Tensor:
    r"""Score every edge :math:`(j, i)` for every expert :math:`m = c S + s`.

    .. math::
        z^m_{ij} = \alpha_m \, c_{ij} + \mathbf{v}_m^{\top} \mathrm{ReLU}(
            \mathbf{h}^{\mathrm{src}}_j + \mathbf{h}^{\mathrm{dst}}_i
            + c_{ij} \, \mathbf{w}_c)

    Edges are taken in chunks, and the way back computes their hidden layers again:
    both ways need :math:`O(|V| h + |E| K)` memory, where the operations one by one
    would keep :math:`O(|E| C h)`. Differentiable, once, in the network.

    Args:
        network (EdgeNetwork): The parameters.
        edge_index (Tensor): :math:`(2, |E|)`.
        prior (Tensor): :math:`(|E|, C)`, a constant.
        chosen (Tensor, optional): :math:`(|V|, k)` ``int64``, the experts that the
            target of an edge asks; all experts if :obj:`None`. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(|E|, K)` or :math:`(|E|, k)`.
    """
    score: Tensor = _EdgeScores.apply(edge_index, prior, chosen, *network)
    return score


class _EdgeScores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        edge_index: Tensor,
        prior: Tensor,
        chosen: Tensor | None,
        *parameters: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(edge_index, prior, chosen, *parameters)
        network = EdgeNetwork(*parameters)
        width = len(network.out_weight) if chosen is None else chosen.size(1)
        score = prior.new_empty(len(prior), width)
        for part in _chunks(len(prior)):
            src, dst = edge_index[:, part]
            ends = _ends(network, src, dst)
            every = prior.new_empty(len(ends), len(network.out_weight))
            for column, experts in _by_criterion(network):
                value = prior[part, column : column + 1]
                hidden = torch.addcmul(ends, value, network.prior_weight[column])
                learned = hidden.relu_() @ network.out_weight[experts].t()
                every[:, experts] = learned + value * network.prior_scale[experts]
            asked = every if chosen is None else every.gather(1, chosen[dst])
            score[part] = asked
        return score

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        edge_index, prior, chosen, *parameters = ctx.saved_tensors
        network = EdgeNetwork(*parameters)
        back = EdgeNetwork(*(torch.zeros_like(value) for value in network))
        for part in _chunks(len(prior)):
            src, dst = edge_index[:, part]
            ends = _ends(network, src, dst)
            every = gradient[part]
            if chosen is not None:
                every = every.new_zeros(len(ends), len(network.out_weight)).scatter_(
                    1, chosen[dst], every
                )
            to_ends = torch.zeros_like(ends)
            for column, experts in _by_criterion(network):
                value, wanted = prior[part, column : column + 1], every[:, experts]
                hidden = torch.addcmul(ends, value, network.prior_weight[column])
                hidden.relu_()
                back.out_weight[experts] += wanted.t() @ hidden
                back.prior_scale[experts] += (value.t() @ wanted).view(-1)
                to_hidden = wanted @ network.out_weight[experts]
                to_hidden *= hidden.sign_()
                back.prior_weight[column] += (value.t() @ to_hidden).view(-1)
                to_ends += to_hidden
            back.h_src.index_add_(0, src, to_ends)
            back.h_dst.index_add_(0, dst, to_ends)
        return None, None, None, *back


def _chunks(num_edges: int) -> list[slice]:
    return [slice(begin, begin + CHUNK) for begin in range(0, num_edges, CHUNK)]


def _ends(network: EdgeNetwork, src: Tensor, dst: Tensor) -> Tensor:
    return network.h_src.index_select(0, src).add_(network.h_dst.index_select(0, dst))


def _by_criterion(network: EdgeNetwork) -> list[tuple[int, slice]]:
    """The experts of each criterion."""
    num_priors = len(network.prior_weight)
    levels = len(network.out_weight) // num_priors
    return [
        (column, slice(column * levels, (column + 1) * levels))
        for column in range(num_priors)
    ]

"""Scores of mixtures of two-layer networks, without running the network."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.experiments.ladling.last_layer import (
    LastLayer,
    can_shorten,
    outputs_of_first,
)
from graphllm.models.gcn import GCN
from graphllm.models.propagation import GCNConv
from graphllm.soup import StateDict

FIRST, NORM, SECOND = "convs.0", "norms.0.module", "convs.1"


def is_pair(model: nn.Module) -> bool:
    """Whether :class:`Pair` computes this network: GCN or GraphSAGE of two layers."""
    if type(model) not in (GCN, pyg.GraphSAGE) or model.num_layers != 2:
        return False
    if model.jk_mode is not None or model.act_first:
        return False
    # Of other norms some read all nodes, and some activations have weights.
    layers = ("convs.", "norms.")
    others = [n for n, _ in model.named_parameters() if not n.startswith(layers)]
    norms = [each for each in model.norms.children() if type(each) is not nn.Identity]
    plain = all(type(each) is pyg.BatchNorm and _is_usual(each) for each in norms)
    return plain and not others and all(map(can_shorten, model.convs.children()))


def _is_usual(norm: Any) -> bool:
    return bool(norm.module.track_running_stats and norm.module.affine)


class Pair:
    r"""Output rows of mixtures of given networks, each two convolutions.

    What the first convolution gives is mixed, not computed anew, and only where a
    wanted row reads it. BatchNorm has the statistics of all nodes, which follow from
    those of the networks,

    .. math::
        \mu = \sum_k w_k \mu_k, \qquad
        \sigma^2 = \sum_{k, l} w_k w_l \operatorname{cov}(\mathbf{h}_k, \mathbf{h}_l)

    Args:
        model (torch.nn.Module): In evaluation mode, see :func:`is_pair`.
        data (Data): The graph.
        rows (Tensor): Nodes whose output is wanted, ascending.
        states (Sequence[StateDict]): Weights of each network.
    """

    def __init__(
        self, model: Any, data: Data, rows: Tensor, states: Sequence[StateDict]
    ) -> None:
        x, edge_index = data.x, data.edge_index
        self.act, self.norm = model.act, None
        if NORM in dict(model.named_modules()):
            self.norm = model.get_submodule(NORM)
        self.last = LastLayer(model.get_submodule(SECOND), x, edge_index, rows)
        needed = self.last.needed
        nodes = needed if self.norm is None else torch.arange(x.size(0)).to(needed)
        first = LastLayer(model.get_submodule(FIRST), x, edge_index, nodes)
        hidden = outputs_of_first(FIRST, first, x, states)
        if self.norm is not None:
            self.mean, self.cov = _moments(hidden)
            hidden = hidden[:, needed]
        self.shape = hidden.shape[1:]
        self.hidden = hidden.flatten(1)
        self.rows, self.cols = (
            torch.searchsorted(needed, nodes) for nodes in (rows, self.last.cols)
        )

    def __call__(self, shares: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        """Class scores of several mixtures, :math:`(B, M, C)`.

        Args:
            shares (Tensor): Of each network in each mixture, :math:`(B, K)`.
            weights (Mapping[str, Tensor]): Of each mixture, :math:`(B, ...)`; those of
                the first convolution are not read.
        """
        hidden = (shares @ self.hidden).view(-1, *self.shape)
        if self.norm is not None:
            spread = torch.einsum("bk,hkl,bl->bh", shares, self.cov, shares)
            scale = weights[f"{NORM}.weight"] * (spread + self.norm.eps).rsqrt()
            shift = weights[f"{NORM}.bias"] - shares @ self.mean * scale
            hidden = hidden.mul_(scale.unsqueeze(1)).add_(shift.unsqueeze(1))
        hidden = hidden if self.act is None else self.act(hidden)
        module: Any = self.last.module
        if isinstance(module, GCNConv):
            out = self._summed(hidden, weights[f"{SECOND}.lin.weight"])
            bias = weights.get(f"{SECOND}.bias")
        else:
            out = self._summed(hidden, weights[f"{SECOND}.lin_l.weight"])
            bias = weights.get(f"{SECOND}.lin_l.bias")
            if module.root_weight:
                root = weights[f"{SECOND}.lin_r.weight"]
                out = out + hidden[:, self.rows] @ root.mT
        return out if bias is None else out + bias.unsqueeze(1)

    def _summed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Messages, added up over the edges; one product for all mixtures."""
        if self.cols.numel() < hidden.size(1):
            hidden = hidden[:, self.cols]
        messages = (hidden @ weight.mT).transpose(0, 1)
        out = self.last.edges @ messages.flatten(1)
        return out.view(-1, *messages.shape[1:]).transpose(0, 1)


def _moments(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Means of each network's channels, and covariances of networks, by channel."""
    mean = hidden.mean(dim=1)
    centred = (hidden - mean.unsqueeze(1)).permute(2, 0, 1)
    return mean, centred @ centred.transpose(1, 2) / (hidden.size(1) - 1)

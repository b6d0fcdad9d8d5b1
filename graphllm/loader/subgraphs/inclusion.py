"""How likely subgraphs hold a node or an edge, and the weights that make up for it."""

from typing import NamedTuple

import torch
from torch import Tensor

# As in the published code of GraphSAINT: one rare edge must not decide a step.
MAX_EDGE_FACTOR = 1e4


class Inclusion(NamedTuple):
    r"""Probabilities :math:`p_v` and :math:`p_{u v}`.

    Args:
        node (Tensor): :math:`(|V|)` ``float64``, that a subgraph holds a node.
        edge (Tensor): :math:`(|E|)` ``float64``, that it holds both ends of an edge.
    """

    node: Tensor
    edge: Tensor

    def edge_factor(self, target: Tensor) -> Tensor:
        r"""The factors of edges, :math:`p_v / p_{u v}`, at most :math:`10^4`.

        Given that :math:`v` is in a subgraph, the sum over its edges there with these
        factors is in expectation the sum over all its edges.

        Args:
            target (Tensor): :math:`(|E|)`, the node :math:`v` of each edge.

        Returns:
            Tensor: :math:`(|E|)` ``float32``.
        """
        factor = self.node[target] / self.edge
        return factor.clamp_(max=MAX_EDGE_FACTOR).float()

    def loss_weight(self, num_nodes: int) -> Tensor:
        r"""The weights of losses, :math:`1 / (n \, p_v)`.

        The sum over a subgraph is in expectation the mean over the :math:`n` nodes.

        Args:
            num_nodes (int): Nodes to learn from, :math:`n`.

        Returns:
            Tensor: :math:`(|V|)` ``float32``.
        """
        tiny = torch.finfo(self.node.dtype).eps
        return (1.0 / (num_nodes * self.node.clamp(min=tiny))).float()


def of_independent_draws(
    node: Tensor, both: Tensor, edge_index: Tensor, num_draws: int
) -> Inclusion:
    r"""Inclusion by draws that are independent, each of which may bring nodes in.

    .. math::
        p_v = 1 - (1 - q_v)^s, \qquad
        p_{u v} = p_u + p_v - \bigl( 1 - (1 - q_u - q_v + q_{u \wedge v})^s \bigr)

    Args:
        node (Tensor): :math:`(|V|)` ``float64``, :math:`q_v`: that one draw brings
            :math:`v`.
        both (Tensor): :math:`(|E|)` ``float64``, :math:`q_{u \wedge v}`: that one draw
            brings both ends.
        edge_index (Tensor): :math:`(2, |E|)`.
        num_draws (int): Draws :math:`s`.

    Returns:
        Inclusion: The probabilities.
    """
    once = _at_least_once(node, num_draws)
    source, target = edge_index
    either = node[source] + node[target] - both
    # The loss of digits in the difference could leave less than nothing.
    edge = once[source] + once[target] - _at_least_once(either, num_draws)
    return Inclusion(once, edge.clamp_(min=torch.finfo(edge.dtype).tiny))


def of_counts(node_count: Tensor, edge_count: Tensor, num_subgraphs: int) -> Inclusion:
    r"""Inclusion as estimated from subgraphs, :math:`C_v / m` and :math:`C_{u v} / m`.

    .. note::
        What never came counts as if it had come once; the authors' code puts 0.1.

    Args:
        node_count (Tensor): :math:`(|V|)`, subgraphs that hold a node.
        edge_count (Tensor): :math:`(|E|)`, subgraphs that hold both ends of an edge.
        num_subgraphs (int): Subgraphs in all, :math:`m`.

    Returns:
        Inclusion: The probabilities.
    """
    counts = (node_count, edge_count)
    node, edge = (count.double().clamp_(min=1.0) for count in counts)
    return Inclusion(node / num_subgraphs, edge / num_subgraphs)


def _at_least_once(probability: Tensor, num_draws: int) -> Tensor:
    return -torch.expm1(num_draws * torch.log1p(-probability.clamp(max=1.0)))

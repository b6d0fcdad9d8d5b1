"""From what a node's experts keep to one weight an edge."""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from graphllm.errors import BudgetError, UnknownNameError
from graphllm.sparsify.grassmann import GrassmannMixer, gated_vote
from graphllm.sparsify.judged_edges import JudgedEdges
from graphllm.sparsify.soft_votes import soft_vote

Mix = Literal["grassmann", "vote", "gated_mean"]


class Opinion(NamedTuple):
    """What the experts say of the edges.

    Args:
        chosen (Tensor): :math:`(|V|, k)`, the experts of each node.
        gate (Tensor): :math:`(|V|, k)`, their gates.
        margin (Tensor): :math:`(|E|, k)`, score less threshold, of the experts that
            the judging node has chosen.
        kept (Tensor): :math:`(|E|, k)` ``bool``, what these keep.
        masks (Tensor, optional): :math:`(|E|, K)` ``bool``, what every expert keeps.
    """

    chosen: Tensor
    gate: Tensor
    margin: Tensor
    kept: Tensor
    masks: Tensor | None


class Mixing:
    r"""Weighs the edges of every node by what its experts keep.

    * ``"vote"``: the gates of the experts that keep an edge, :math:`\sum_m g_{im}`;
    * ``"gated_mean"``: the same, each counted by how firmly it keeps the edge;
    * ``"grassmann"``: the sparse egos mixed on the Grassmann manifold, see
      :class:`~graphllm.sparsify.GrassmannMixer`. In training on one and the same graph
      this is done every so many passes, and what it added to the vote is added to the
      new votes in between.

    Args:
        mix (str): Which of these.
        mixer (GrassmannMixer): For ``"grassmann"``.
        interval (int, optional): Training passes from one mixing to the next.
            (default: :obj:`1`)

    Raises:
        UnknownNameError: If there is no such ``mix``.
        BudgetError: If ``interval`` is below one.
    """

    def __init__(self, mix: Mix, mixer: GrassmannMixer, interval: int = 1) -> None:
        if mix not in get_args(Mix):
            raise UnknownNameError("mix", mix, get_args(Mix))
        if interval < 1:
            raise BudgetError(
                f"'mix_interval' must be 1 or more passes (got {interval})"
            )
        self.mix: Mix = mix
        self.mixer = mixer
        self.interval = interval

    def needs_every_expert(self, graph: JudgedEdges, training: bool) -> bool:
        """Whether egos are mixed in this pass.

        They hold edges of neighbours, who may not have asked the node's experts.
        """
        due = graph.correction is None or graph.correction_age >= self.interval
        return self.mix == "grassmann" and (due or not training)

    def weigh(
        self, graph: JudgedEdges, opinion: Opinion, ranking: Tensor, training: bool
    ) -> Tensor:
        """The weights.

        Args:
            graph (JudgedEdges): The edges.
            opinion (Opinion): What the experts say of them; of all experts, if
                :meth:`needs_every_expert`.
            ranking (Tensor): :math:`(|E|)`, which neighbours take part in an ego that
                has too many.
            training (bool): Whether a mixing of before will do.

        Returns:
            Tensor: :math:`(|E|)`.
        """
        if self.mix == "gated_mean":
            margin = opinion.margin.masked_fill(~opinion.kept, -torch.inf)
            return soft_vote(margin, opinion.gate, graph.owner)
        vote = gated_vote(graph.edge_index, opinion.kept, opinion.gate)
        if self.mix == "vote":
            return vote
        if opinion.masks is None and graph.correction is not None:
            graph.correction_age += 1
            return vote + graph.correction
        assert opinion.masks is not None
        gates = vote.new_zeros(graph.num_nodes, opinion.masks.size(1))
        gates.scatter_(1, opinion.chosen, opinion.gate)
        correction = -vote + self.mixer(
            graph.edge_index, graph.num_nodes, opinion.masks, gates, ranking
        )
        if training and self.interval > 1:
            graph.correction, graph.correction_age = correction, 1
        return vote + correction

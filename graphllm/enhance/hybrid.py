"""Neighbours shortlisted by similarity, then chosen by a language model."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import softmax

from graphllm.enhance.answers import Asker, Question
from graphllm.enhance.candidates import Pairs, draw_candidates
from graphllm.enhance.judge import (
    check_judge,
    has_text,
    judge,
    judge_questions,
    who_judges,
)
from graphllm.enhance.neighborhoods import Neighborhoods, mean_one
from graphllm.enhance.neighbors import (
    check_temperature,
    neighbor_similarity,
    rank_edges,
)
from graphllm.llm import LLM
from graphllm.prompts import Template
from graphllm.prompts.neighborhood import RELEVANCE_FILTER


@dataclass(frozen=True)
class HybridNeighbors:
    r"""Similarity shortlists :math:`2k` neighbours, a language model cuts to ``k``.

    The shortlist of a node holds the neighbours most like its enhanced features, the
    most similar first. Of those the model names the nearest :math:`k` are kept; where
    it names fewer, the most similar others fill up. Named neighbours weigh as in
    :class:`~graphllm.enhance.SimilarityNeighbors`, all others :math:`\rho` times as
    much,

    .. math::
        w_{ji} \propto \rho^{[j \notin N^{+}(i)]} \,
            \exp \left( \cos(\mathbf{x}^{+}_i, \mathbf{x}_j) / \tau \right),

    scaled to mean one over the candidates. A node with at most ``k`` neighbours needs
    no cut: it is not asked about, all its neighbours stay, and similarity alone
    weighs them. So it is where the model names nobody. Where the answer cannot be
    read, the neighbourhood stays uniform and whole.

    Args:
        k (int, optional): Neighbours to keep. (default: :obj:`4`)
        llm (LLM, optional): Who judges. (default: who enhances)
        template (Template, optional): A prompt whose answers are neighbour numbers.
            (default: ``relevance_filter`` in generic words)
        temperature (float, optional): :math:`\tau`. (default: :obj:`0.2`)
        refused (float, optional): :math:`\rho`. (default: :obj:`0.25`)
        max_candidates (int, optional): Neighbours of a node that come into question,
            drawn by the seed, so that hubs are bounded; the others weigh one, and
            fall where the node is cut. (default: :obj:`64`)
        max_chars (int, optional): Characters shown of a neighbour.
            (default: :obj:`200`)

    Raises:
        PromptError: If the template does not pick neighbours.
        ValueError: If a number is out of range.
    """

    k: int = 4
    llm: LLM | None = None
    template: Template = RELEVANCE_FILTER
    temperature: float = 0.2
    refused: float = 0.25
    max_candidates: int = 64
    max_chars: int = 200

    asks = True

    def __post_init__(self) -> None:
        check_judge(self.template, self.refused)
        check_temperature(self.temperature)
        if self.k < 1 or self.max_candidates <= self.k:
            raise ValueError(
                "'k' must be at least 1 and 'max_candidates' larger than 'k' (got "
                f"{self.k} and {self.max_candidates})"
            )

    def __call__(
        self,
        data: Data,
        x: Tensor,
        x_llm: Tensor,
        llm_index: Tensor,
        asker: Asker | None = None,
    ) -> Neighborhoods:
        """Ask, weigh and choose; see :class:`~graphllm.enhance.Neighbors`."""
        asker = who_judges(self.llm, asker)
        edge_index, num_nodes = data.edge_index, x.size(0)
        pairs = self._candidates(data, llm_index, asker)
        score = neighbor_similarity(torch.stack(pairs), x, x_llm, llm_index)
        listed = self._shortlist(pairs, score, num_nodes)
        shown = pairs.select(listed)
        asked = judge_questions(data, shown, asker, self.template, self.max_chars)
        answers, verdict = judge(shown, asked, asker)

        named = torch.zeros_like(score, dtype=torch.bool)
        named[listed] = verdict == 1
        judged = _mask(num_nodes, pairs.target[named])
        value = softmax(score / self.temperature, pairs.target, num_nodes=num_nodes)
        value[judged[pairs.target] & ~named] *= self.refused
        unread = [answer.node for answer in answers if answer.chosen is None]
        unread_mask = _mask(num_nodes, torch.tensor(unread, device=x.device).long())
        value[unread_mask[pairs.target]] = float("nan")
        weight = pairs.on_edges(edge_index, value, num_nodes)
        weight = mean_one(edge_index, weight, num_nodes)

        # Cosines are within [-1, 1]: whoever is named comes before all others.
        rank = rank_edges(pairs.target, score + 3.0 * named, num_nodes)
        best = pairs.on_edges(edge_index, (rank < self.k).to(x.dtype), num_nodes)
        loop = edge_index[0] == edge_index[1]
        kept = ~judged[edge_index[1]] | (best == 1) | loop
        return Neighborhoods(weight, kept, answers)

    def questions(self, data: Data, nodes: Tensor, asker: Asker) -> list[Question]:
        """At least as many and as long as those of a call; asks nothing.

        Who is on a shortlist depends on the answers that enhance the nodes. The
        longest neighbour texts stand for it here.
        """
        asker = who_judges(self.llm, asker)
        pairs = self._candidates(data, nodes, asker)
        length = [min(len(data.text[j]), self.max_chars) for j in pairs.source.tolist()]
        score = torch.tensor(length, dtype=torch.float, device=pairs.source.device)
        listed = self._shortlist(pairs, score, int(data.num_nodes or 0))
        return judge_questions(
            data, pairs.select(listed), asker, self.template, self.max_chars
        )

    def _candidates(self, data: Data, nodes: Tensor, asker: Asker) -> Pairs:
        return draw_candidates(
            data.edge_index,
            nodes,
            self.max_candidates,
            asker.seed,
            int(data.num_nodes or 0),
            has_text(data),
        )

    def _shortlist(self, pairs: Pairs, score: Tensor, num_nodes: int) -> Tensor:
        """Positions of the best ``2k`` of each node that has more than ``k``."""
        rank = rank_edges(pairs.target, score, num_nodes)
        count = torch.bincount(pairs.target, minlength=num_nodes)
        listed = (rank < 2 * self.k) & (count > self.k)[pairs.target]
        order = torch.argsort(rank, stable=True)
        order = order[torch.argsort(pairs.target[order], stable=True)]
        return order[listed[order]]


def _mask(num_nodes: int, nodes: Tensor) -> Tensor:
    mask = torch.zeros(num_nodes, dtype=torch.bool, device=nodes.device)
    mask[nodes] = True
    return mask

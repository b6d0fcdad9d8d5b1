"""Neighbours chosen by a language model that reads a numbered list of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.enhance.answers import Answer, Asker, Question
from graphllm.enhance.candidates import Pairs, draw_candidates
from graphllm.enhance.neighborhoods import Neighborhoods, mean_one
from graphllm.errors import LLMError, PromptError
from graphllm.llm import LLM
from graphllm.prompts import Template, build_views
from graphllm.prompts.neighborhood import RELEVANCE_FILTER

#: A number of a list with its comma and blank, in any usual vocabulary.
TOKENS_A_NUMBER = 4


@dataclass(frozen=True)
class JudgeNeighbors:
    r"""Enhanced nodes listen to the neighbours that a language model points out.

    One more question a node: its text and up to ``num_neighbors`` numbered
    neighbours, of which the model names those that fit. With :math:`N^{+}(i)` the
    named and :math:`N^{-}(i)` the refused neighbours,

    .. math::
        w_{ji} \propto 1 \;\; (j \in N^{+}(i)), \qquad
        w_{ji} \propto \rho \;\; (j \in N^{-}(i)),

    scaled to mean one over :math:`N^{+}(i) \cup N^{-}(i)`. Neighbours that were not
    shown weigh one and are kept. Where the answer cannot be read the neighbourhood
    stays uniform and whole; where no neighbour is named it does too, since a node
    that listens to nobody learns nothing from the graph.

    Nodes with fewer than two neighbours to show are not asked about.

    .. note::
        To choose from a list asks for a capable model. SmolLM2 with 135M parameters
        recites the list instead: none of its 23 answers about 18 nodes of Cora could
        be read, and all neighbourhoods stayed whole.

    Args:
        llm (LLM, optional): Who judges. (default: who enhances)
        template (Template, optional): A prompt whose answers are neighbour numbers.
            (default: ``relevance_filter`` in generic words)
        num_neighbors (int, optional): Neighbours shown a node, drawn by the seed.
            (default: :obj:`8`)
        refused (float, optional): :math:`\rho`, weight of a refused neighbour for
            one of a named one. (default: :obj:`0.25`)
        keep (bool, optional): Whether refused neighbours stay for all that; else
            their edges are not in ``keep_edge``. (default: :obj:`False`)
        max_chars (int, optional): Characters shown of a neighbour.
            (default: :obj:`200`)

    Raises:
        PromptError: If the template does not pick neighbours.
        ValueError: If ``num_neighbors`` is below two or ``refused`` outside (0, 1].
    """

    llm: LLM | None = None
    template: Template = RELEVANCE_FILTER
    num_neighbors: int = 8
    refused: float = 0.25
    keep: bool = False
    max_chars: int = 200

    asks = True

    def __post_init__(self) -> None:
        check_judge(self.template, self.refused)
        if self.num_neighbors < 2:
            raise ValueError(
                "'num_neighbors' must be at least 2, there is nothing to choose from "
                f"otherwise (got {self.num_neighbors})"
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
        shown = self._shown(data, llm_index, asker)
        asked = judge_questions(data, shown, asker, self.template, self.max_chars)
        answers, verdict = judge(shown, asked, asker)
        edge_index, num_nodes = data.edge_index, x.size(0)
        verdict = shown.on_edges(edge_index, verdict.to(x.dtype), num_nodes)
        value = self.refused + (1.0 - self.refused) * verdict
        weight = mean_one(edge_index, value, num_nodes)
        if self.keep:
            return Neighborhoods(weight, None, answers)
        some_named = torch.zeros(num_nodes, dtype=torch.bool, device=x.device)
        some_named[edge_index[1, verdict == 1]] = True
        kept = ~((verdict == 0) & some_named[edge_index[1]])
        return Neighborhoods(weight, kept, answers)

    def questions(self, data: Data, nodes: Tensor, asker: Asker) -> list[Question]:
        """What a call would ask if each of the nodes gets enhanced; asks nothing."""
        asker = who_judges(self.llm, asker)
        shown = self._shown(data, nodes, asker)
        return judge_questions(data, shown, asker, self.template, self.max_chars)

    def _shown(self, data: Data, nodes: Tensor, asker: Asker) -> Pairs:
        return draw_candidates(
            data.edge_index,
            nodes,
            self.num_neighbors,
            asker.seed,
            int(data.num_nodes or 0),
            has_text(data),
        )


def judge_questions(
    data: Data, shown: Pairs, asker: Asker, template: Template, max_chars: int
) -> list[Question]:
    """One question about each node with text and two or more neighbours to show."""
    listed = {
        node: others
        for node, others in shown.by_node().items()
        if len(others) > 1 and data.text[node].strip()
    }
    views = build_views(
        data, list(listed), neighbors=list(listed.values()), max_chars=max_chars
    )
    return [
        asker.question(
            template,
            view,
            # A list cut off by the limit cannot be read: room to name everyone.
            max(template.max_new_tokens, TOKENS_A_NUMBER * (len(view.neighbors) + 2)),
        )
        for view in views
    ]


def judge(
    shown: Pairs, questions: Sequence[Question], asker: Asker
) -> tuple[list[Answer], Tensor]:
    """Ask which of the neighbours shown a model chooses.

    Args:
        shown (Pairs): The neighbours, in the order of their numbers.
        questions (Sequence[Question]): What :func:`judge_questions` made of them.
        asker (Asker): Who is asked.

    Returns:
        tuple[list[Answer], Tensor]: Answers with the nodes ``chosen``; for each pair
        1 where the neighbour was named, 0 where it was refused, NaN where nothing
        is known.
    """
    listed = shown.by_node()
    verdict = torch.full(shown.source.shape, float("nan"), device=shown.source.device)
    answers = []
    for question, answer in zip(questions, asker.ask(questions), strict=True):
        if answer.ok:
            parsed = question.template.parser(answer.raw, question.view)
            numbers = cast(Sequence[int], parsed.value)
            others = listed[answer.node]
            answer = replace(answer, chosen=tuple(others[n - 1] for n in numbers))
        answers.append(answer)
    told = [answer for answer in answers if answer.chosen is not None]
    heard = torch.tensor([answer.node for answer in told], device=verdict.device)
    verdict[torch.isin(shown.target, heard)] = 0.0
    named = [(j, answer.node) for answer in told for j in answer.chosen or ()]
    if named:
        source, target = torch.tensor(named, device=verdict.device).t()
        size = int(torch.stack(shown).max()) + 1
        both = shown.target * size + shown.source
        verdict[torch.isin(both, target * size + source)] = 1.0
    return answers, verdict


def who_judges(llm: LLM | None, asker: Asker | None) -> Asker:
    """The rule's own model where it has one, else who enhances."""
    if llm is not None:
        return Asker(llm) if asker is None else replace(asker, llm=llm)
    if asker is None:
        raise LLMError("nobody to judge the neighbours; give 'llm' or an Asker")
    return asker


def check_judge(template: Template, refused: float) -> None:
    """Refuse prompts that pick no neighbours, and weights that are none."""
    if template.enriches or not template.needs_neighbors:
        raise PromptError(
            f"'{template.name}' does not choose among neighbours; take "
            "'relevance_filter', or a Template with needs_neighbors=True, "
            "enriches=False and a parser such as neighbor_numbers"
        )
    if not 0.0 < refused <= 1.0:
        raise ValueError(f"'refused' must be in (0, 1] (got {refused})")


def has_text(data: Data) -> Tensor:
    """Mask of the nodes that have something to show."""
    return torch.tensor([bool(text.strip()) for text in data.text], dtype=torch.bool)

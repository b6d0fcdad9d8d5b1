"""From a text graph and a language model to enhanced node features."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import validate_text_graph
from graphllm.enhance.answers import Answer, Progress, Question, ask
from graphllm.enhance.neighbors import neighbor_weights
from graphllm.errors import PromptError
from graphllm.llm import LLM, Estimate, estimate
from graphllm.prompts import Template, build_views, get_templates, render
from graphllm.selection import Pool, SelectionContext, Selector

Encoder = Callable[[list[str]], Tensor]


@dataclass(frozen=True)
class Plan:
    """What a run would ask, before anything is spent.

    Args:
        nodes (Tensor): The chosen nodes, ascending.
        questions (list[Question]): One a node and template.
        estimate (Estimate): Calls, tokens, money and time; cached answers are free.
    """

    nodes: Tensor
    questions: list[Question]
    estimate: Estimate

    def __str__(self) -> str:
        return f"{self.nodes.numel()} nodes: {self.estimate}"


class Enhancer:
    r"""Lets a language model enrich a limited, actively chosen share of the nodes.

    Stages (a) and (b) of E-LLaGNN
    (`arXiv:2407.14996 <https://arxiv.org/abs/2407.14996>`_): the selector spends the
    budget :math:`S`, every chosen node is asked the prompts, and the answers
    :math:`a_{i1}, \dots, a_{ik}` join the node's own text :math:`t_i` in the space
    of the encoder,

    .. math::
        \mathbf{x}_i = \mathrm{enc}(t_i), \qquad
        \mathbf{a}_i = \frac{1}{k} \sum_{p} \mathrm{enc}(a_{ip}), \qquad
        \mathbf{x}^{+}_i = \lVert \mathbf{x}_i \rVert
            \frac{(1 - \alpha) \mathbf{x}_i + \alpha \mathbf{a}_i}
                 {\lVert (1 - \alpha) \mathbf{x}_i + \alpha \mathbf{a}_i \rVert} .

    An answer that ranks, such as a list of classes, is encoded part by part and
    averaged with the weights of its template.

    Enhanced and plain features share one space and one size, which is what lets a
    network trained with them run without a language model.

    .. note::
        The paper encodes the rewritten text as a whole. Averaging two encodings is
        this library's choice: sentence encoders cut their input (MiniLM at 256
        word pieces), and an answer behind a long text would never be read.

    Args:
        llm (LLM): Who answers.
        prompts (Sequence[str or Template]): Names of the catalogue, or templates.
        encoder (Callable): ``list[str] -> Tensor`` of shape :math:`(n, F)`.
        selector (Selector): Who is asked about.
        budget (int or float): Share (float in (0, 1]) of the pool, or count (int).
        pool (str, optional): See :class:`~graphllm.selection.Selector`.
            (default: :obj:`"train+neighbors"`)
        num_hops (int, optional): Depth of the pool. (default: :obj:`2`)
        domain (str, optional): Wording of named prompts. (default: :obj:`"generic"`)
        answer_weight (float, optional): :math:`\alpha`. (default: :obj:`0.5`)
        num_neighbors (int, optional): Neighbour texts in the prompts that use
            them. (default: :obj:`5`)
        max_prompt_tokens (int, optional): Token budget of a prompt.
            (default: :obj:`1024`)
        repair (bool, optional): Ask once more when an answer breaks its contract.
            (default: :obj:`False`)
        seed (int, optional): Seed of selection and neighbour snippets.
            (default: :obj:`0`)

    Raises:
        UnknownNameError: If a prompt or the domain is unknown.
        PromptError: If there is no prompt at all, or one whose answers add no words.
        ValueError: If ``answer_weight`` is outside [0, 1].
    """

    def __init__(
        self,
        llm: LLM,
        prompts: Sequence[str | Template],
        encoder: Encoder,
        selector: Selector,
        budget: int | float,
        *,
        pool: Pool = "train+neighbors",
        num_hops: int = 2,
        domain: str = "generic",
        answer_weight: float = 0.5,
        num_neighbors: int = 5,
        max_prompt_tokens: int = 1024,
        repair: bool = False,
        seed: int = 0,
    ) -> None:
        if not prompts:
            raise PromptError("no prompts given; name at least one, such as 'expand'")
        if not 0.0 <= answer_weight <= 1.0:
            raise ValueError(f"'answer_weight' must be in [0, 1] (got {answer_weight})")
        self.llm = llm
        self.templates = [
            prompt
            if isinstance(prompt, Template)
            else get_templates([prompt], domain)[0]
            for prompt in prompts
        ]
        mute = [template.name for template in self.templates if not template.enriches]
        if mute:
            raise PromptError(
                f"'{mute[0]}' adds no words to a node and cannot enhance features; "
                "ask it with graphllm.enhance.ask, or take a prompt such as 'expand'"
            )
        self.encoder = encoder
        self.selector = selector
        self.budget = budget
        self.pool: Pool = pool
        self.num_hops = num_hops
        self.answer_weight = answer_weight
        self.num_neighbors = num_neighbors
        self.max_prompt_tokens = max_prompt_tokens
        self.repair = repair
        self.seed = seed

    def plan(self, data: Data, x: Tensor | None = None) -> Plan:
        """Choose the nodes and render the prompts; asks nothing.

        Args:
            data (Data): A text graph.
            x (Tensor, optional): Plain encoder features, for selectors that read
                them.

        Returns:
            Plan: Nodes, questions and what they would cost.
        """
        nodes, questions = self.questions(data, x)
        return Plan(
            nodes, questions, estimate(self.llm, [q.request for q in questions])
        )

    def run(
        self, data: Data, x: Tensor | None = None, progress: Progress | None = None
    ) -> Data:
        """Ask, encode, attach.

        Args:
            data (Data): A text graph.
            x (Tensor, optional): Plain features of the same encoder; encoded from
                ``data.text`` when not given.
            progress (Callable, optional): Called with (answers so far, all).

        Returns:
            Data: A shallow copy with

            * ``x``: plain features, :math:`(|V|, F)`,
            * ``x_llm``: enhanced features, :math:`(b, F)`,
            * ``x_answer``: mean encoding of the answers, :math:`(b, F)`,
            * ``llm_index``: their nodes, ascending, :math:`(b)`,
            * ``llm_mask``: :math:`(|V|)` ``bool``,
            * ``edge_weight``: see :func:`~graphllm.enhance.neighbor_weights`,
            * ``provenance``: ``list[Answer]``, every answer, the failed ones too.

            A chosen node without one usable answer stays plain: it is in
            ``provenance`` but not in ``llm_index``.
        """
        validate_text_graph(data)
        if x is None:
            x = self.encoder(data.text)
        x = x.to(data.edge_index.device)
        _, questions = self.questions(data, x)
        answers = ask(self.llm, questions, self.repair, progress)
        index, x_answer = self._encode(answers, x)
        return attach(data, x, index, x_answer, answers, self.answer_weight)

    def questions(
        self, data: Data, x: Tensor | None = None
    ) -> tuple[Tensor, list[Question]]:
        """The chosen nodes and their rendered prompts; asks nothing.

        Args:
            data (Data): A text graph.
            x (Tensor, optional): Plain encoder features.

        Returns:
            tuple[Tensor, list[Question]]: Nodes, ascending; questions node by node.
        """
        validate_text_graph(data)
        names = getattr(data, "label_names", None)
        context = SelectionContext(x, len(names) if names else None, self.seed)
        nodes = self.selector(data, self.budget, context, self.pool, self.num_hops)
        wants = any(template.needs_neighbors for template in self.templates)
        views = build_views(
            data,
            nodes,
            num_neighbors=self.num_neighbors if wants else 0,
            seed=self.seed,
        )
        count = getattr(self.llm, "count_tokens", None)
        questions = [
            Question(
                view,
                template,
                render(
                    template,
                    view,
                    count_tokens=count,
                    max_prompt_tokens=self.max_prompt_tokens,
                ),
            )
            for view in views
            for template in self.templates
            # An isolated node has nothing to tell about its neighbours, and one
            # without text nothing about itself.
            if (view.neighbors if template.needs_neighbors else view.text.strip())
        ]
        return nodes, questions

    def _encode(self, answers: list[Answer], x: Tensor) -> tuple[Tensor, Tensor]:
        usable = [answer for answer in answers if answer.parts]
        if not usable:
            return torch.empty(0, dtype=torch.long), x.new_empty(0, x.size(1))
        index, group = torch.unique(
            torch.tensor([answer.node for answer in usable]), return_inverse=True
        )
        texts = [text for answer in usable for text, _ in answer.parts]
        weight = torch.tensor([w for answer in usable for _, w in answer.parts])
        owner = group.repeat_interleave(
            torch.tensor([len(answer.parts) for answer in usable])
        )
        share = weight / torch.bincount(group)[owner]
        rows = self.encoder(texts).to(x) * share.to(x).view(-1, 1)
        total = x.new_zeros(index.numel(), x.size(1))
        return index, total.index_add_(0, owner.to(x.device), rows)


def attach(
    data: Data,
    x: Tensor,
    llm_index: Tensor,
    x_answer: Tensor,
    provenance: list[Answer],
    answer_weight: float = 0.5,
) -> Data:
    """Put plain and enhanced features on a shallow copy of the graph.

    Args:
        data (Data): The graph.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        llm_index (Tensor): Nodes with an answer, ascending, :math:`(b)`.
        x_answer (Tensor): Encoded answers, :math:`(b, F)`.
        provenance (list[Answer]): Every answer.
        answer_weight (float, optional): Share of the answer in the enhanced
            features. (default: :obj:`0.5`)

    Returns:
        Data: As described in :meth:`Enhancer.run`.
    """
    result = copy(data)
    llm_index = llm_index.to(x.device)
    plain = x[llm_index]
    blend = (1.0 - answer_weight) * plain + answer_weight * x_answer
    result.x = x
    result.x_answer = x_answer
    length = plain.norm(dim=-1, keepdim=True)
    # A node without any text of its own takes the length of its answer.
    length = torch.where(length > 0, length, x_answer.norm(dim=-1, keepdim=True))
    result.x_llm = F.normalize(blend, dim=-1) * length
    result.llm_index = llm_index
    result.llm_mask = torch.zeros(x.size(0), dtype=torch.bool, device=x.device)
    result.llm_mask[llm_index] = True
    result.edge_weight = neighbor_weights(data.edge_index, x, result.x_llm, llm_index)
    result.provenance = provenance
    return result

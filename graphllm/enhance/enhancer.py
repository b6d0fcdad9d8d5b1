"""From a text graph and a language model to enhanced node features."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import validate_text_graph
from graphllm.enhance.answers import Asker, Progress, Question
from graphllm.enhance.attach import attach_features, attach_neighborhoods
from graphllm.enhance.encoded import Encoder, encode_answers
from graphllm.enhance.neighborhoods import Neighbors
from graphllm.enhance.neighbors import (
    InferenceNeighbors,
    check_inference_neighbors,
    inference_weights,
)
from graphllm.enhance.similarity import SimilarityNeighbors
from graphllm.errors import PromptError
from graphllm.llm import LLM, Estimate, Request, estimate
from graphllm.prompts import Template, build_views, get_templates, repair_request
from graphllm.selection import Pool, SelectionContext, Selector

SIMILAR = SimilarityNeighbors()


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
    network trained with them run without a language model. What the answers say
    about the neighbours goes into edge weights, never into ``edge_index``.

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
        neighbors (Neighbors, optional): Which neighbours an enhanced node listens
            to: :class:`~graphllm.enhance.SimilarityNeighbors`,
            :class:`~graphllm.enhance.JudgeNeighbors`,
            :class:`~graphllm.enhance.HybridNeighbors`, or ``None`` for all alike.
            (default: by similarity)
        inference_neighbors (str, optional): What every other node, and at LLM-free
            inference everyone, listens by: ``"uniform"`` or ``"encoder"``, see
            :func:`~graphllm.enhance.inference_weights`. The latter makes training
            and LLM-free inference alike. (default: :obj:`"uniform"`)
        neighbor_labels (bool, optional): Whether label-aware prompts may name the
            classes of neighbours in the training set. (default: :obj:`False`)

    Raises:
        UnknownNameError: If a prompt, the domain or ``inference_neighbors`` is
            unknown.
        PromptError: If there is no prompt at all, one twice, or one whose answers add
            no words.
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
        neighbors: Neighbors | None = SIMILAR,
        inference_neighbors: InferenceNeighbors = "uniform",
        neighbor_labels: bool = False,
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
        twice = [n for n, c in Counter(t.id for t in self.templates).items() if c > 1]
        if twice:
            raise PromptError(f"the prompt '{twice[0]}' is given twice; name it once")
        check_inference_neighbors(inference_neighbors)
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
        self.neighbors = neighbors
        self.inference_neighbors: InferenceNeighbors = inference_neighbors
        self.neighbor_labels = neighbor_labels

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
            * ``edge_weight``: :math:`(|E|)`, positive, mean one over the edges into
              each node; absent where nothing weighs,
            * ``keep_edge``: :math:`(|E|)` ``bool``, the same for networks that take
              no weights, where ``neighbors`` cuts edges,
            * ``free_edge_weight``: :math:`(|E|)`, the weights of LLM-free inference,
              where ``inference_neighbors`` has some,
            * ``provenance``: ``list[Answer]``, every answer, the failed ones too,
              about the neighbours last;

            and for :math:`P > 1` prompts

            * ``x_views``: enhanced features of each answer apart, :math:`(b, P, F)`,
              in the order of the prompts; plain ones where there is no answer,
            * ``view_mask``: where there is one, :math:`(b, P)` ``bool``,
            * ``x_answers``: the encoded answers, :math:`(b, P, F)`.

            A chosen node without one usable answer stays plain: it is in
            ``provenance`` but not in ``llm_index``.
        """
        validate_text_graph(data)
        if x is None:
            x = self.encoder(data.text)
        x = x.to(data.edge_index.device)
        asker = self._asker(progress)
        questions = self._enhancing(data, self._choose(data, x))
        answers = asker.ask(questions)
        names = [template.id for template in self.templates]
        encoded = encode_answers(answers, names, self.encoder, x)
        result = attach_features(data, x, encoded, answers, self.answer_weight)
        chosen = None
        if self.neighbors is not None:
            later = replace(asker, progress=_after(len(questions), progress))
            chosen = self.neighbors(result, x, result.x_llm, result.llm_index, later)
            result.provenance += chosen.answers
        temperature = getattr(self.neighbors, "temperature", SIMILAR.temperature)
        free = inference_weights(data, x, self.inference_neighbors, temperature)
        return attach_neighborhoods(result, chosen, free)

    def questions(
        self, data: Data, x: Tensor | None = None
    ) -> tuple[Tensor, list[Question]]:
        """The chosen nodes and their rendered prompts; asks nothing.

        Those about the neighbours come last. They are asked of the nodes that got an
        answer alone, and what a shortlist holds depends on it, so they are an upper
        bound.

        Args:
            data (Data): A text graph.
            x (Tensor, optional): Plain encoder features.

        Returns:
            tuple[Tensor, list[Question]]: Nodes, ascending; questions node by node.
        """
        validate_text_graph(data)
        nodes = self._choose(data, x)
        questions = self._enhancing(data, nodes)
        if self.neighbors is not None and self.neighbors.asks:
            about = nodes.new_tensor(sorted({q.view.node for q in questions}))
            questions += self.neighbors.questions(data, about, self._asker())
        return nodes, questions

    def requests(self, data: Data, x: Tensor | None = None) -> list[Request]:
        """Everything that :meth:`run` would ask of the language model, at worst.

        Args:
            data (Data): A text graph.
            x (Tensor, optional): Plain encoder features.

        Returns:
            list[Request]: With a second question each, where answers are repaired.
        """
        questions = self.questions(data, x)[1]
        requests = [question.request for question in questions]
        if self.repair:
            requests += [
                repair_request(each.template, each.request, "?", each.view)
                for each in questions
            ]
        return requests

    def _choose(self, data: Data, x: Tensor | None) -> Tensor:
        names = getattr(data, "label_names", None)
        context = SelectionContext(x, len(names) if names else None, self.seed)
        return self.selector(data, self.budget, context, self.pool, self.num_hops)

    def _enhancing(self, data: Data, nodes: Tensor) -> list[Question]:
        wants = any(template.needs_neighbors for template in self.templates)
        views = build_views(
            data,
            nodes,
            num_neighbors=self.num_neighbors if wants else 0,
            neighbor_labels=self.neighbor_labels,
            seed=self.seed,
        )
        asker = self._asker()
        return [
            asker.question(template, view)
            for view in views
            for template in self.templates
            # An isolated node has nothing to tell about its neighbours, and one
            # without text nothing about itself.
            if (view.neighbors if template.needs_neighbors else view.text.strip())
        ]

    def _asker(self, progress: Progress | None = None) -> Asker:
        return Asker(self.llm, self.seed, self.max_prompt_tokens, self.repair, progress)


def _after(first: int, progress: Progress | None) -> Progress | None:
    """Go on counting where the first questions ended."""
    if progress is None:
        return None
    return lambda done, total: progress(first + done, first + total)

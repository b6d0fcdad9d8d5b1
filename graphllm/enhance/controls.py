"""Controls: what tells knowledge from luck and from mere extra text."""

from collections.abc import Iterator, Sequence

import torch
from torch_geometric.data import Data

from graphllm.enhance.attach import attach_features, attach_neighborhoods
from graphllm.enhance.encoded import Encoded
from graphllm.enhance.enhancer import SIMILAR
from graphllm.enhance.neighborhoods import Neighborhoods, Neighbors
from graphllm.llm import Backend, Completion, Request
from graphllm.prompts import NodeView, Parsed, Template
from graphllm.seed import circle, generator


def shuffle_answers(
    data: Data,
    answer_weight: float = 0.5,
    seed: int = 0,
    neighbors: Neighbors | None = SIMILAR,
) -> Data:
    """Give every enhanced node the answers of another one.

    The texts are as long, as fluent and as topical as before, only about the wrong
    node: a gain that survives this is not knowledge about the node. Neighbourhoods
    follow: those by similarity are computed anew from the wrong answers; those that
    a model judged are dealt out anew among the edges into each enhanced node, as
    many kept as before and the same weights, only at the wrong neighbours.

    Args:
        data (Data): What :meth:`Enhancer.run` returned, with two enhanced nodes or
            more.
        answer_weight (float, optional): As given to the enhancer.
            (default: :obj:`0.5`)
        seed (int, optional): Which other node. (default: :obj:`0`)
        neighbors (Neighbors, optional): As given to the enhancer.
            (default: by similarity)

    Returns:
        Data: Shallow copy with other ``x_llm``, ``x_answer``, ``edge_weight`` and
        ``keep_edge``, and other ``x_views``, ``view_mask`` and ``x_answers`` where
        present.
    """
    random = generator(seed)
    # Everyone takes from the next one on a random circle: nobody keeps their own.
    source = circle(data.llm_index.numel(), random).to(data.x.device)
    answer = data.x_answer[source]
    views = getattr(data, "x_answers", None)
    if views is None:
        views = data.x_answer.unsqueeze(1)
        mask = torch.ones(views.shape[:2], dtype=torch.bool, device=views.device)
    else:
        mask = data.view_mask
    encoded = Encoded(data.llm_index, answer, views[source], mask[source])
    result = attach_features(data, data.x, encoded, data.provenance, answer_weight)
    if neighbors is None:
        chosen = None
    elif neighbors.asks:
        chosen = _deal_anew(data, random)
    else:
        chosen = neighbors(result, result.x, result.x_llm, result.llm_index)
    return attach_neighborhoods(result, chosen, getattr(data, "free_edge_weight", None))


def _deal_anew(data: Data, random: torch.Generator) -> Neighborhoods:
    """Weights and cuts of each enhanced neighbourhood, in another order."""
    target = data.edge_index[1]
    edges = data.llm_mask[target].nonzero().view(-1)
    edges = edges[torch.argsort(target[edges], stable=True)]
    mixed = torch.randperm(edges.numel(), generator=random).to(edges.device)
    mixed = mixed[torch.argsort(target[edges[mixed]], stable=True)]
    weight, kept = data.edge_weight.clone(), getattr(data, "keep_edge", None)
    weight[edges] = data.edge_weight[edges[mixed]]
    if kept is not None:
        kept = kept.clone()
        kept[edges] = data.keep_edge[edges[mixed]]
    return Neighborhoods(weight, kept)


class OracleLLM(Backend):
    """Answers with ``data.full_text``: what a perfect language model would add.

    It measures the mechanism apart from the model. Its numbers are an upper
    reference and never a result of the method.

    Args:
        full_text (Sequence[str]): One text a node.
    """

    def __init__(self, full_text: Sequence[str]) -> None:
        self.model = "oracle"
        self.full_text = full_text

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield the full text of each request's node."""
        for position, request in enumerate(requests):
            if request.node is None:
                yield position, Completion.failed("the oracle needs Request.node")
            else:
                text = self.full_text[request.node]
                yield position, Completion(text, cached=True)


def _as_it_is(answer: str, view: NodeView) -> Parsed[object]:
    return Parsed(answer, bool(answer.strip()), answer)


def oracle_template() -> Template:
    """The prompt of the oracle: reads the node id, takes the answer as it is."""
    return Template("oracle", 1, "", "{text}", _as_it_is)

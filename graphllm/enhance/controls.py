"""Controls: what tells knowledge from luck and from mere extra text."""

from collections.abc import Iterator, Sequence

import torch
from torch_geometric.data import Data

from graphllm.enhance.enhancer import attach
from graphllm.llm import Backend, Completion, Request
from graphllm.prompts import NodeView, Parsed, Template


def shuffle_answers(data: Data, answer_weight: float = 0.5, seed: int = 0) -> Data:
    """Give every enhanced node the answers of another one.

    The texts are as long, as fluent and as topical as before, only about the wrong
    node: a gain that survives this is not knowledge about the node.

    Args:
        data (Data): What :meth:`Enhancer.run` returned, with two enhanced nodes or
            more.
        answer_weight (float, optional): As given to the enhancer.
            (default: :obj:`0.5`)
        seed (int, optional): Which other node. (default: :obj:`0`)

    Returns:
        Data: Shallow copy with other ``x_llm``, ``x_answer`` and ``edge_weight``.
    """
    rows = data.llm_index.numel()
    generator = torch.Generator().manual_seed(seed)
    circle = torch.randperm(rows, generator=generator)
    source = torch.empty_like(circle)
    # Everyone takes from the next one on a random circle: nobody keeps their own.
    source[circle] = circle.roll(-1)
    return attach(
        data,
        data.x,
        data.llm_index,
        data.x_answer[source.to(data.x.device)],
        data.provenance,
        answer_weight,
    )


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

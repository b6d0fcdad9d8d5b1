"""Putting what was learnt of the enhanced nodes on a copy of the graph."""

from collections.abc import Sequence
from copy import copy

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.enhance.answers import Answer
from graphllm.enhance.encoded import Encoded
from graphllm.enhance.neighborhoods import Neighborhoods
from graphllm.enhance.similarity import SimilarityNeighbors


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
        Data: As :meth:`Enhancer.run` gives it for one prompt and its default
        neighbourhoods.
    """
    views = x_answer.unsqueeze(1)
    mask = torch.ones(views.shape[:2], dtype=torch.bool, device=x.device)
    encoded = Encoded(llm_index.to(x.device), x_answer, views, mask)
    result = attach_features(data, x, encoded, provenance, answer_weight)
    chosen = SimilarityNeighbors()(result, x, result.x_llm, result.llm_index)
    return attach_neighborhoods(result, chosen)


def attach_features(
    data: Data,
    x: Tensor,
    encoded: Encoded,
    provenance: Sequence[Answer],
    answer_weight: float,
) -> Data:
    """A shallow copy with everything but the neighbourhoods."""
    result = copy(data)
    result.x = x
    result.x_answer = encoded.x_answer
    result.llm_index = encoded.llm_index
    result.llm_mask = torch.zeros(x.size(0), dtype=torch.bool, device=x.device)
    result.llm_mask[encoded.llm_index] = True
    plain = x[encoded.llm_index]
    result.x_llm = blend(plain, encoded.x_answer, answer_weight)
    if encoded.view_mask.size(1) > 1:
        mask = encoded.view_mask
        result.x_answers = encoded.x_answers
        result.view_mask = mask
        own = plain.unsqueeze(1)
        views = blend(own, encoded.x_answers, answer_weight)
        result.x_views = torch.where(mask.unsqueeze(-1), views, own)
    result.provenance = list(provenance)
    return result


def attach_neighborhoods(
    data: Data, chosen: Neighborhoods | None, free_weight: Tensor | None = None
) -> Data:
    """A shallow copy with the neighbourhoods chosen.

    Args:
        data (Data): With ``llm_mask``.
        chosen (Neighborhoods, optional): ``None`` for uniform ones.
        free_weight (Tensor, optional): Weights without a language model,
            :math:`(|E|)`; used for edges into nodes outside :math:`S`, and for all
            edges where nothing was chosen.

    Returns:
        Data: With ``edge_weight``, ``keep_edge`` and ``free_edge_weight``, each only
        where it says something.
    """
    result = copy(data)
    for name in ("edge_weight", "keep_edge", "free_edge_weight"):
        if name in result:
            del result[name]
    if free_weight is not None:
        result.free_edge_weight = free_weight
        result.edge_weight = free_weight
    if chosen is not None:
        result.edge_weight = chosen.edge_weight
        if free_weight is not None:
            into_enhanced = data.llm_mask[data.edge_index[1]]
            result.edge_weight = torch.where(
                into_enhanced, chosen.edge_weight, free_weight
            )
        if chosen.keep_edge is not None:
            result.keep_edge = chosen.keep_edge
    return result


def blend(own: Tensor, answer: Tensor, answer_weight: float | Tensor) -> Tensor:
    r"""Mix own and answer features at the length of the own ones.

    .. math::
        \mathbf{x}^{+} = \lVert \mathbf{x} \rVert
            \frac{(1 - \alpha) \mathbf{x} + \alpha \mathbf{a}}
                 {\lVert (1 - \alpha) \mathbf{x} + \alpha \mathbf{a} \rVert}

    A node without features of its own takes the length of its answer.

    Args:
        own (Tensor): :math:`(*, F)`.
        answer (Tensor): Of a shape that broadcasts with ``own``.
        answer_weight (float or Tensor): :math:`\alpha`; a tensor broadcasts too.
    """
    mixed = (1.0 - answer_weight) * own + answer_weight * answer
    length = own.norm(dim=-1, keepdim=True)
    length = torch.where(length > 0, length, answer.norm(dim=-1, keepdim=True))
    return F.normalize(mixed, dim=-1) * length

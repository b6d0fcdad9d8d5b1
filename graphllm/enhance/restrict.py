"""A smaller budget out of a larger one, without asking again."""

from copy import copy

import torch
from torch import Tensor
from torch_geometric.data import Data


def restrict(enhanced: Data, nodes: Tensor) -> Data:
    """Take the enhancement away from every node outside a set.

    What :meth:`graphllm.enhance.Enhancer.run` returns for the nodes, given what it
    returned for more of them: a sweep over selectors and budgets asks and encodes
    each answer once.

    Args:
        enhanced (Data): What :meth:`~graphllm.enhance.Enhancer.run` returned.
        nodes (Tensor): Ids that stay enhanced; those that have no answer are
            ignored.

    Returns:
        Data: Shallow copy with the rows of ``x_llm``, ``x_answer``, ``llm_index``
        (and ``x_views``, ``view_mask``, ``x_answers`` where present), the
        ``llm_mask`` and ``provenance`` of these nodes. For edges into nodes that are
        enhanced no more, ``edge_weight`` is that of ``free_edge_weight``, or one,
        and ``keep_edge`` true.
    """
    result = copy(enhanced)
    chosen = torch.zeros_like(enhanced.llm_mask)
    chosen[nodes.to(chosen.device)] = True
    rows = chosen[enhanced.llm_index]
    rowwise = ("x_llm", "x_answer", "llm_index", "x_views", "view_mask", "x_answers")
    for name in rowwise:
        value = getattr(enhanced, name, None)
        if value is not None:
            setattr(result, name, value[rows])
    result.llm_mask = enhanced.llm_mask & chosen
    plain_target = ~result.llm_mask[enhanced.edge_index[1]]
    if enhanced.edge_weight is not None:
        free = getattr(enhanced, "free_edge_weight", None)
        free = torch.ones_like(enhanced.edge_weight) if free is None else free
        result.edge_weight = torch.where(plain_target, free, enhanced.edge_weight)
    keep_edge = getattr(enhanced, "keep_edge", None)
    if keep_edge is not None:
        result.keep_edge = keep_edge | plain_target
    kept = set(nodes.tolist())
    result.provenance = [a for a in enhanced.provenance if a.node in kept]
    return result

"""Nodes that the language model set right, and what each of them cost."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from graphllm.evaluate.slices import hops_from


def net_correction(
    before: Tensor, after: Tensor, y: Tensor, mask: Tensor, num_selected: int
) -> dict[str, Any]:
    r"""Net correction score: what a change of predictions gained per chosen node.

    .. math::
        \frac{|\{i : \hat{y}_i \neq y_i, \hat{y}'_i = y_i\}|
              - |\{i : \hat{y}_i = y_i, \hat{y}'_i \neq y_i\}|}{|S|}

    Args:
        before (Tensor): Predicted classes without the language model, :math:`(|V|)`.
        after (Tensor): Predicted classes with it, :math:`(|V|)`.
        y (Tensor): Classes, :math:`(|V|)`.
        mask (Tensor): Which nodes count: the test nodes, or some of them.
        num_selected (int): :math:`|S|`, nodes the language model was asked about.

    Returns:
        dict: ``nodes`` that count, ``fixed``, ``broken``, ``net`` and ``score``; the
        score is NaN where nobody was asked about.
    """
    was, now = (before == y)[mask], (after == y)[mask]
    fixed, broken = int((~was & now).sum()), int((was & ~now).sum())
    return {
        "nodes": int(mask.sum()),
        "fixed": fixed,
        "broken": broken,
        "net": fixed - broken,
        "score": (fixed - broken) / num_selected if num_selected else float("nan"),
    }


def influenced(edge_index: Tensor, selected: Tensor, num_hops: int) -> Tensor:
    """The nodes whose receptive field holds a selected one.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        selected (Tensor): Boolean, :math:`(|V|)`.
        num_hops (int): Layers of the network.

    Returns:
        Tensor: Boolean, :math:`(|V|)`; the selected nodes are among them.
    """
    return hops_from(edge_index, selected, num_hops) >= 0


def cost_per_corrected(usage: Mapping[str, Any], net: float) -> dict[str, float | None]:
    """What one node that was set right cost.

    Args:
        usage (Mapping): See :class:`graphllm.llm.Usage`, as a dictionary.
        net (float): Nodes set right minus nodes broken.

    Returns:
        dict: ``calls``, ``tokens`` and ``money`` a node; ``None`` unless more were
        set right than broken.
    """
    spent = {
        "calls": usage.get("calls", 0),
        "tokens": usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0),
        "money": usage.get("cost", 0.0),
    }
    return {name: amount / net if net > 0 else None for name, amount in spent.items()}

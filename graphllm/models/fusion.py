"""How plain and LLM-enhanced features become one input."""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# Fusions that read the mean of all answers; the others see them one by one.
ONE_ROW = ("replace", "mix")
Fusion = Literal["random_view", "replace", "mix", "multi", "gate", "attention"]
Fuser = Callable[[Tensor, Tensor, Tensor], Tensor]


def fuse(
    x: Tensor,
    x_llm: Tensor,
    llm_mask: Tensor,
    fusion: Fusion | Fuser = "random_view",
    mix: float = 0.5,
    training: bool = False,
    view_mask: Tensor | None = None,
) -> Tensor:
    r"""Put the enhanced rows into the feature matrix.

    An enhanced node has plain features :math:`\mathbf{x}_i` and one or several
    enhanced ones :math:`\mathbf{x}^{+}_{ip}`, its *views*: all answers in one row, or
    one row for each prompt. :math:`\mathbf{x}^{+}_i` is their mean (see
    :func:`mean_view`). Every node in the mask gets

    * ``replace``, or ``multi`` by the name it has with several prompts:
      :math:`\mathbf{x}^{+}_i`;
    * ``mix``: :math:`\lambda \mathbf{x}^{+}_i + (1 - \lambda) \mathbf{x}_i`, scaled
      back to the length of :math:`\mathbf{x}_i`, so that a normalised encoder stays
      normalised;
    * ``random_view``: while training, one of :math:`\mathbf{x}_i` and its views, each
      with the same probability, drawn for each node at each call; in evaluation
      :math:`\mathbf{x}^{+}_i`. A network trained like this has seen every enhanced
      node both ways, so it can do without the LLM at test time;
    * ``gate`` and ``attention``: what a module with parameters makes of them, see
      :class:`graphllm.models.GateFusion` and
      :class:`graphllm.models.AttentionFusion`; pass the module.

    No mode changes the size, and nodes outside the mask or without a valid view keep
    :math:`\mathbf{x}_i`: what was trained with enhanced features runs on plain ones.

    Args:
        x (Tensor): Plain features, :math:`(|V|, F)`.
        x_llm (Tensor): Enhanced features, :math:`(b, F)` or :math:`(b, P, F)`, one
            entry for each true one of the mask, in ascending order of the nodes.
        llm_mask (Tensor): :math:`(|V|)` ``bool`` with :math:`b` true entries.
        fusion (str or Callable, optional): One of the modes without parameters, or a
            module called with (plain rows, views, mask of the views).
            (default: :obj:`"random_view"`)
        mix (float, optional): :math:`\lambda` of ``mix``. (default: :obj:`0.5`)
        training (bool, optional): Whether views are drawn. Draws come from torch's
            default generator of the device, like dropout's.
        view_mask (Tensor, optional): :math:`(b, P)` ``bool``, which views there are;
            all by default. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(|V|, F)`; ``x`` itself is not changed.

    Raises:
        ValueError: If the shapes do not fit, or a fusion with parameters comes
            without them.
    """
    views, valid = _views(x, x_llm, llm_mask, view_mask)
    plain = x[llm_mask]
    if callable(fusion):
        rows = fusion(plain, views, valid)
    elif fusion == "random_view" and training:
        rows = _drawn_view(plain, views, valid)
    elif fusion in ("random_view", "replace", "multi", "mix"):
        rows = mean_view(views, valid)
        if fusion == "mix":
            rows = keep_length(mix * rows + (1.0 - mix) * plain, plain, rows)
    else:
        raise ValueError(
            f"fusion '{fusion}' has parameters; pass the module that holds them, or "
            "use graphllm.ELLaGNN, which makes it"
        )
    out = x.clone()
    out[llm_mask] = torch.where(valid.any(dim=1, keepdim=True), rows, plain)
    return out


def mean_view(views: Tensor, view_mask: Tensor) -> Tensor:
    r"""Mean over the valid views of each node.

    .. math::
        \mathbf{x}^{+}_i = \frac{1}{|P_i|} \sum_{p \in P_i} \mathbf{x}^{+}_{ip} ,

    scaled back to the mean length of the views: a mean of unit vectors is shorter
    than one. A node with a single column of views gets it as it is.

    Args:
        views (Tensor): :math:`(b, P, F)`.
        view_mask (Tensor): :math:`(b, P)` ``bool``; a row without a true entry gives
            zeros.

    Returns:
        Tensor: :math:`(b, F)`.
    """
    if views.size(1) == 1:
        return views[:, 0]
    share = view_mask.to(views.dtype)
    share = share / share.sum(dim=1, keepdim=True).clamp(min=1)
    # A view that does not count may hold anything, NaN too.
    views = views.masked_fill(~view_mask.unsqueeze(-1), 0.0)
    length = (share * views.norm(dim=-1)).sum(dim=1, keepdim=True)
    mean = (share.unsqueeze(-1) * views).sum(dim=1)
    return F.normalize(mean, dim=-1) * length


def keep_length(blend: Tensor, plain: Tensor, other: Tensor) -> Tensor:
    """Scale rows to the length of the plain ones, or of others where that is zero.

    Args:
        blend (Tensor): :math:`(b, F)`.
        plain (Tensor): :math:`(b, F)`.
        other (Tensor): :math:`(b, F)`.

    Returns:
        Tensor: :math:`(b, F)`.
    """
    length = plain.norm(dim=-1, keepdim=True)
    length = torch.where(length > 0, length, other.norm(dim=-1, keepdim=True))
    return F.normalize(blend, dim=-1) * length


def _views(
    x: Tensor, x_llm: Tensor, llm_mask: Tensor, view_mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Views in the type of the features and their mask, whatever was given."""
    rows = int(llm_mask.sum())
    views = x_llm.unsqueeze(1) if x_llm.dim() == 2 else x_llm
    shape = (rows, x.size(-1))
    if llm_mask.shape != x.shape[:1] or (*views.shape[:1], *views.shape[2:]) != shape:
        raise ValueError(
            f"'x_llm' must have shape ({rows}, {x.size(-1)}), one row for each true "
            f"entry of 'llm_mask', or ({rows}, P, {x.size(-1)}) (got "
            f"{tuple(x_llm.shape)} and a mask of shape {tuple(llm_mask.shape)})"
        )
    if view_mask is None:
        view_mask = torch.ones(views.shape[:2], dtype=torch.bool, device=x.device)
    elif view_mask.shape != views.shape[:2]:
        raise ValueError(
            f"'view_mask' must have shape {tuple(views.shape[:2])}, one entry for each "
            f"view in 'x_llm' (got {tuple(view_mask.shape)})"
        )
    return views.to(x.dtype), view_mask


def _drawn_view(plain: Tensor, views: Tensor, view_mask: Tensor) -> Tensor:
    """For each node one of its views or the plain row, all equally likely."""
    count = view_mask.sum(dim=1, keepdim=True)
    draw = torch.rand(count.shape, device=plain.device) * (count + 1)
    # Which of its valid views; past the last one stands the plain row.
    place = view_mask.cumsum(dim=1) - 1
    taken = view_mask & (place == draw.long())
    column = taken.long().argmax(dim=1)
    rows = views[torch.arange(len(views), device=views.device), column]
    return torch.where(taken.any(dim=1, keepdim=True), rows, plain)

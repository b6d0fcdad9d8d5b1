"""How plain and LLM-enhanced features become one input."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Fusion = Literal["random_view", "replace", "mix"]


def fuse(
    x: Tensor,
    x_llm: Tensor,
    llm_mask: Tensor,
    fusion: Fusion = "random_view",
    mix: float = 0.5,
    training: bool = False,
) -> Tensor:
    r"""Put the enhanced rows into the feature matrix.

    With plain features :math:`\mathbf{x}_i` and enhanced ones
    :math:`\mathbf{x}^{+}_i`, every node in the mask gets

    * ``replace``: :math:`\mathbf{x}^{+}_i`;
    * ``mix``: :math:`\lambda \mathbf{x}^{+}_i + (1 - \lambda) \mathbf{x}_i`, scaled
      back to the length of :math:`\mathbf{x}_i`, so that a normalised encoder stays
      normalised;
    * ``random_view``: while training, :math:`\mathbf{x}^{+}_i` with probability
      one half and :math:`\mathbf{x}_i` otherwise, drawn for each node at each call;
      in evaluation :math:`\mathbf{x}^{+}_i`. A network trained like this has seen
      every enhanced node both ways, so it can do without the LLM at test time.

    No mode has parameters or changes the size: what was trained with enhanced
    features runs on plain ones.

    Args:
        x (Tensor): Plain features, :math:`(|V|, F)`.
        x_llm (Tensor): Enhanced features, :math:`(b, F)`, one row for each true
            entry of the mask, in ascending order of the nodes.
        llm_mask (Tensor): :math:`(|V|)` ``bool`` with :math:`b` true entries.
        fusion (str, optional): One of the modes. (default: :obj:`"random_view"`)
        mix (float, optional): :math:`\lambda` of ``mix``. (default: :obj:`0.5`)
        training (bool, optional): Whether views are drawn. Draws come from torch's
            default generator of the device, like dropout's.

    Returns:
        Tensor: :math:`(|V|, F)`; ``x`` itself is not changed.

    Raises:
        ValueError: If the shapes do not fit.
    """
    rows = int(llm_mask.sum())
    if llm_mask.shape != x.shape[:1] or x_llm.shape != (rows, x.size(-1)):
        raise ValueError(
            f"'x_llm' must have shape ({rows}, {x.size(-1)}), one row for each true "
            f"entry of 'llm_mask' (got {tuple(x_llm.shape)} and a mask of shape "
            f"{tuple(llm_mask.shape)})"
        )
    x_llm = x_llm.to(x.dtype)
    plain = x[llm_mask]
    if fusion == "mix":
        blend = mix * x_llm + (1.0 - mix) * plain
        length = plain.norm(dim=-1, keepdim=True)
        length = torch.where(length > 0, length, x_llm.norm(dim=-1, keepdim=True))
        x_llm = F.normalize(blend, dim=-1) * length
    elif fusion == "random_view" and training:
        take = torch.rand(rows, 1, device=x.device) < 0.5
        x_llm = torch.where(take, x_llm, plain)
    out = x.clone()
    out[llm_mask] = x_llm
    return out

"""Dropout that does not take half of a deep network's time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BITS = 16
_PER_WORD = 64 // _BITS


class Dropout(nn.Module):
    r"""Drops each entry with probability :math:`p` and scales up the rest.

    .. math::
        y = \frac{m x}{1 - p}, \qquad m \sim \mathrm{Bernoulli}(1 - p)

    On a CPU torch draws one number an entry, which costs more than the convolution it
    follows. Here one 64-bit draw serves four entries, so :math:`p` is met to within
    :math:`2^{-17}`. On other devices this is torch's dropout.

    Args:
        p (float, optional): Probability, in [0, 1]. (default: :obj:`0.5`)

    Raises:
        ValueError: If it is none.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"'dropout' must be in [0, 1] (got {p})")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with entries dropped while training, else ``x`` itself."""
        if not self.training or self.p == 0.0:
            return x
        limit = round(self.p * 2**_BITS)
        if x.device.type != "cpu" or limit == 2**_BITS:
            return F.dropout(x, self.p)
        words = torch.empty(-(-x.numel() // _PER_WORD), dtype=torch.int64)
        # All 64 bits are drawn; without the lower bound the sign would stay zero.
        draws = words.random_(-(2**63), None).view(torch.int16)[: x.numel()]
        keep = draws.view(x.shape) >= limit - 2 ** (_BITS - 1)
        return x * keep.to(x.dtype).div_(1.0 - self.p)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"

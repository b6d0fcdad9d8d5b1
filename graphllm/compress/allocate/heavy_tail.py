"""How heavy the tail of a weight matrix' spectrum is."""

import torch
from torch import Tensor

_BINS = 100
# Bounds around the peak of the spectrum between which its tail may begin.
_FROM, _TO = 0.95, 1.5


def spectrum(weight: Tensor, fixed_aspect: bool = False) -> Tensor:
    r"""Squared singular values of a weight, ascending.

    Args:
        weight (Tensor): :math:`(m, n)`.
        fixed_aspect (bool, optional): Take square windows along the longer side, which
            together cover it, and all their values. From `"FARMS"
            <https://arxiv.org/abs/2506.06280>`_ (ICML 2025): the exponent of a whole
            matrix depends on its shape. (default: :obj:`False`)

    Returns:
        Tensor: ``float64``.
    """
    weight = weight.double()
    if weight.size(0) > weight.size(1):
        weight = weight.T
    if not fixed_aspect:
        return torch.linalg.eigvalsh(weight @ weight.T).clamp(min=0)
    side, length = weight.shape
    count = -(-length // side)
    starts = torch.linspace(0, length - side, count).round().int().tolist()
    values = [spectrum(weight[:, start : start + side]) for start in starts]
    return torch.cat(values).sort().values


def hill_alpha(values: Tensor) -> float:
    r"""Exponent of the tail by Hill's estimate.

    .. math::
        \alpha = 1 + k \Big/ \sum_{i=1}^{k} \ln \frac{\lambda_{n-i+1}}{\lambda_{n-k}}

    Where the tail begins is found as in WeightWatcher's *fix-finger*: candidates are
    the values between 0.95 and 1.5 times the peak of the histogram of
    :math:`\log_{10} \lambda` (100 bins), and the one whose power law is nearest to the
    tail by the Kolmogorov-Smirnov distance is taken. Without a candidate it begins at
    the median.

    .. note::
        The code of AlphaPruning compares the lower bound in :math:`\log_{10}` with the
        values themselves, and so hardly has one.

    Args:
        values (Tensor): Squared singular values, ascending.

    Returns:
        float: 0 if there is no tail, as where all values are equal.
    """
    values = values[values > values.max() * 1e-14].double()
    count = values.numel()
    if count < 3 or values[-1] <= values[0] * (1 + 1e-9):
        return 0.0
    logs = values.log10()
    heights = torch.histc(logs, _BINS)
    step = (logs[-1] - logs[0]) / _BINS
    peak = 10 ** (logs[0] + heights.argmax() * step)
    near = (values >= _FROM * peak) & (values <= _TO * peak)
    near[-2:] = False  # a tail has at least two values above its beginning
    starts = near.nonzero().flatten().tolist() or [count // 2]
    fits = [_fit(values, start) for start in starts]
    return min(fits)[1]


def _fit(values: Tensor, start: int) -> tuple[float, float]:
    # Distance to the power law that begins at a value, and its exponent.
    tail = values[start:]
    ratios = tail / tail[0]
    above = tail.numel() - 1
    total = float(ratios.log().sum())
    if above < 1 or total <= 0:
        return float("inf"), 0.0
    alpha = 1.0 + above / total
    expected = 1.0 - ratios ** (1.0 - alpha)
    seen = torch.arange(tail.numel(), device=tail.device) / tail.numel()
    return float((expected - seen).abs().max()), alpha

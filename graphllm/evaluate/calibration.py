"""Whether confidence can be believed."""

import torch
from torch import Tensor


def expected_calibration_error(
    confidence: Tensor, correct: Tensor, num_bins: int = 10
) -> float:
    r"""Mean gap between confidence and accuracy over bins of confidence.

    .. math::
        \mathrm{ECE} = \sum_{b} \frac{|B_b|}{n}
            \left| \mathrm{acc}(B_b) - \mathrm{conf}(B_b) \right|

    with :math:`B_b` the predictions whose confidence lies in
    :math:`((b-1)/B, b/B]`, zero in the first (Guo et al., 2017).

    Args:
        confidence (Tensor): In [0, 1], :math:`(n)`.
        correct (Tensor): ``bool``, :math:`(n)`.
        num_bins (int, optional): :math:`B`. (default: :obj:`10`)

    Returns:
        float: In [0, 1]; zero is perfectly calibrated.

    Raises:
        ValueError: If there are no predictions, or shapes or values do not fit.
    """
    if confidence.dim() != 1 or confidence.shape != correct.shape:
        raise ValueError(
            "'confidence' and 'correct' must be one row of numbers each (got "
            f"{tuple(confidence.shape)} and {tuple(correct.shape)})"
        )
    if not confidence.numel():
        raise ValueError("there are no predictions to calibrate")
    if num_bins < 1:
        raise ValueError(f"'num_bins' must be >= 1 (got {num_bins})")
    if bool(((confidence < 0) | (confidence > 1)).any()):
        raise ValueError("'confidence' must lie in [0, 1]")
    place = (confidence.double() * num_bins).ceil().long().sub(1).clamp_min(0)
    gap = confidence.double() - correct.double()
    # |sum of gaps in a bin| = bin size times |accuracy - mean confidence|.
    total = torch.zeros(num_bins, dtype=torch.double, device=gap.device)
    return float(total.index_add_(0, place, gap).abs().sum() / gap.numel())

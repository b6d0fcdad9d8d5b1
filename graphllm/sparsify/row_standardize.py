"""Scores made comparable: mean zero and deviation one within each row."""

import torch
from torch import Tensor

# Squared deviations, relative to the squared mean, that are rounding errors.
NEGLIGIBLE = 1e-10


def row_standardize(score: Tensor, row: Tensor, num_rows: int) -> Tensor:
    r"""Subtract the mean of each row and divide by its standard deviation.

    .. math::
        \hat{z}_e = \frac{z_e - \mu_{r(e)}}{\sigma_{r(e)}}, \qquad
        \mu_r = \frac{1}{d_r} \sum_{e \in r} z_e, \qquad
        \sigma_r^2 = \frac{1}{d_r} \sum_{e \in r} (z_e - \mu_r)^2

    A row of one edge or of equal scores has no deviation and becomes zero, with a
    gradient of zero.

    Args:
        score (Tensor): :math:`(|E|, M)`, a column an expert.
        row (Tensor): :math:`(|E|)`, the row of each edge, in any order.
        num_rows (int): Number of rows.

    Returns:
        Tensor: :math:`(|E|, M)`.
    """
    zeros = score.new_zeros(num_rows, score.size(1))
    count = torch.bincount(row, minlength=num_rows).clamp_(min=1)
    count = count.to(score.dtype).unsqueeze(1)
    mean = zeros.index_add(0, row, score) / count
    centered = score - mean.index_select(0, row)
    # Once more: the mean of a long row is off by the rounding of a long sum.
    centered = centered - (zeros.index_add(0, row, centered) / count).index_select(
        0, row
    )
    variance = zeros.index_add(0, row, centered.square()) / count
    flat = variance <= NEGLIGIBLE * (mean.detach().square() + NEGLIGIBLE)
    # Both times: the branch not taken must not divide by zero either.
    scale = variance.masked_fill(flat, 1.0).rsqrt().masked_fill(flat, 0.0)
    return centered * scale.index_select(0, row)

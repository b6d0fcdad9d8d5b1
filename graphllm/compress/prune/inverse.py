"""The factor of an inverse Hessian that SparseGPT and GPTQ run along."""

import torch
from torch import Tensor

from graphllm.errors import CompressionError


def inverse_factor(hessian: Tensor, damping: float = 0.01) -> Tensor:
    r"""Upper triangular :math:`\mathbf{U}` with
    :math:`\mathbf{U}^{\top} \mathbf{U} = (\mathbf{H} + \lambda \mathbf{I})^{-1}`.

    :math:`U_{jj}^2` is the :math:`j`-th diagonal entry of the inverse Hessian of the
    columns from :math:`j` on. Taken in ``float64`` with :math:`\lambda` =
    ``damping`` times the mean of the diagonal; if that is not positive definite in
    rounding, :math:`\lambda` grows tenfold up to the mean itself. An input that was
    always zero counts as one of norm 1 that is correlated with no other.

    Args:
        hessian (Tensor): :math:`\mathbf{X}^{\top} \mathbf{X}`, of shape
            :math:`(n, n)`; not changed.
        damping (float, optional): Share of the mean diagonal. (default: :obj:`0.01`)

    Returns:
        Tensor: :math:`(n, n)` ``float64``.

    Raises:
        CompressionError: If the Hessian cannot be inverted however damped.
    """  # noqa: D205
    damped = hessian.double().clone()
    diagonal = damped.diagonal()
    mean = float(diagonal.mean())
    diagonal[diagonal == 0] = 1.0
    tried = 0.0
    share = damping
    while share <= 1.0:
        diagonal += (share - tried) * mean
        tried = share
        lower, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            inverse = torch.cholesky_inverse(lower)
            upper, failed = torch.linalg.cholesky_ex(inverse, upper=True)
            if not failed:
                return upper
        share = max(share * 10, 1e-4)
    raise CompressionError(
        "the Hessian of the calibration cannot be inverted; give more calibration text"
    )

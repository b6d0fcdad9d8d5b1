"""Statistics of what goes into a linear layer, summed up chunk by chunk."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from graphllm.errors import CompressionError

Statistic = Literal["norm", "absmax", "hessian"]
STATISTICS = ("norm", "absmax", "hessian")


class InputStats:
    r"""Statistics of the inputs :math:`\mathbf{X} \in \mathbb{R}^{N \times n}`.

    Sums are kept in ``float64``; memory does not grow with :math:`N`.

    Args:
        channels (int): :math:`n`.
        which (Sequence[str], optional): What is kept: ``"norm"`` (for :attr:`norm`),
            ``"absmax"`` (:attr:`max_abs` and :attr:`mean_abs`), ``"hessian"``
            (:attr:`hessian`, and :attr:`norm` from its diagonal).
            (default: :obj:`("norm",)`)
        device (torch.device, optional): Where sums are kept. (default: the CPU)
    """

    def __init__(
        self,
        channels: int,
        which: Sequence[Statistic] = ("norm",),
        device: torch.device | None = None,
    ) -> None:
        unknown = set(which) - set(STATISTICS)
        if unknown:
            raise CompressionError(
                f"unknown statistic '{min(unknown)}'; there are {', '.join(STATISTICS)}"
            )

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float64, device=device)

        self.count = 0
        self._squares = zeros(channels) if "norm" in which else None
        self._abs = zeros(channels) if "absmax" in which else None
        self._max = zeros(channels) if "absmax" in which else None
        self._hessian = zeros(channels, channels) if "hessian" in which else None

    def update(self, x: Tensor) -> None:
        r"""Add inputs.

        Args:
            x (Tensor): :math:`(*, n)`, of any floating dtype.
        """
        x = x.detach().reshape(-1, x.size(-1)).double()
        self.count += x.size(0)
        if self._hessian is not None:
            self._hessian.addmm_(x.T, x)
        if self._squares is not None:
            self._squares += x.square().sum(0)
        if self._abs is not None and self._max is not None:
            size = x.abs()
            self._abs += size.sum(0)
            torch.maximum(self._max, size.amax(0), out=self._max)

    @property
    def hessian(self) -> Tensor:
        r""":math:`\mathbf{X}^{\top} \mathbf{X}`, of shape :math:`(n, n)`."""
        return _kept(self._hessian, "hessian")

    @property
    def sum_squares(self) -> Tensor:
        r""":math:`\sum_i x_{ij}^2`, of shape :math:`(n)`."""
        if self._squares is None and self._hessian is not None:
            return self._hessian.diagonal()
        return _kept(self._squares, "norm")

    @property
    def norm(self) -> Tensor:
        r""":math:`\lVert \mathbf{x}_{\cdot j} \rVert_2`, of shape :math:`(n)`."""
        return self.sum_squares.sqrt()

    @property
    def mean_abs(self) -> Tensor:
        r""":math:`\frac{1}{N} \sum_i |x_{ij}|`, of shape :math:`(n)`."""
        return _kept(self._abs, "absmax") / max(self.count, 1)

    @property
    def max_abs(self) -> Tensor:
        r""":math:`\max_i |x_{ij}|`, of shape :math:`(n)`."""
        return _kept(self._max, "absmax")

    def is_finite(self) -> bool:
        """Whether no input was infinite or not a number."""
        kept = (self._hessian, self._squares, self._abs)
        return all(bool(each.isfinite().all()) for each in kept if each is not None)

    def error(self, weight: Tensor, changed: Tensor) -> float:
        r"""Relative error of the layer's output.

        .. math::
            \frac{\lVert (\mathbf{W} - \hat{\mathbf{W}}) \mathbf{X}^{\top} \rVert_F}
            {\lVert \mathbf{W} \mathbf{X}^{\top} \rVert_F}

        Without the Hessian, correlations between channels count as zero, so that
        columns are weighted by their norms.

        Args:
            weight (Tensor): :math:`\mathbf{W}`, of shape :math:`(m, n)`.
            changed (Tensor): :math:`\hat{\mathbf{W}}`.
        """
        dense = weight.double()
        return self._size(dense - changed.double()) / max(self._size(dense), 1e-300)

    def _size(self, weight: Tensor) -> float:
        if self._hessian is None:
            return float((weight.square() @ self.sum_squares).sum().sqrt())
        return float(((weight @ self._hessian) * weight).sum().clamp(min=0).sqrt())


def weight_error(weight: Tensor, changed: Tensor) -> float:
    r"""Relative error of the weights where no inputs are known.

    .. math::
        \frac{\lVert \mathbf{W} - \hat{\mathbf{W}} \rVert_F}
        {\lVert \mathbf{W} \rVert_F}

    Args:
        weight (Tensor): :math:`\mathbf{W}`.
        changed (Tensor): :math:`\hat{\mathbf{W}}`.
    """
    dense = weight.double()
    return float((dense - changed.double()).norm() / dense.norm().clamp(min=1e-300))


def _kept(value: Tensor | None, name: str) -> Tensor:
    if value is None:
        raise CompressionError(
            f"the statistic '{name}' was not collected; name it in 'which'"
        )
    return value

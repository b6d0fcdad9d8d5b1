"""The best product of two thin matrices in place of a weight."""

import torch
from torch import Tensor


def spectrum(weight: Tensor) -> Tensor:
    r"""Singular values of a weight, the largest first.

    Args:
        weight (Tensor): :math:`(m, n)`.

    Returns:
        Tensor: :math:`(\min(m, n))` ``float32``, never negative.
    """
    return torch.linalg.svdvals(weight.float())


def factorize(
    weight: Tensor, rank: int, hessian: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Factors of rank ``rank`` whose outputs differ least from those of a weight.

    With inputs :math:`\mathbf{X}` and :math:`\mathbf{H} = \mathbf{X}^{\top}
    \mathbf{X}`, the minimum of

    .. math::
        \lVert (\mathbf{W} - \mathbf{B} \mathbf{A}) \mathbf{X}^{\top} \rVert_F^2
        = \mathrm{tr} \big( (\mathbf{W} - \mathbf{B} \mathbf{A})\, \mathbf{H}\,
        (\mathbf{W} - \mathbf{B} \mathbf{A})^{\top} \big)

    is :math:`\mathbf{B} \mathbf{A} = \mathbf{U}_r \mathbf{U}_r^{\top} \mathbf{W}`, with
    :math:`\mathbf{U}_r` the leading eigenvectors of :math:`\mathbf{W} \mathbf{H}
    \mathbf{W}^{\top}`. Without inputs :math:`\mathbf{H} = \mathbf{I}`, and this is the
    truncated singular value decomposition. The singular value of each direction is
    shared out so that its column of :math:`\mathbf{B}` and its row of
    :math:`\mathbf{A}` have one norm.

    .. note::
        The same product comes from a decomposition of :math:`\mathbf{W} \mathbf{C}`
        with the Cholesky factor :math:`\mathbf{C}` of :math:`\mathbf{H}`; this way
        needs no inverse, hence no damping, and takes a singular :math:`\mathbf{H}`.

    Args:
        weight (Tensor): :math:`\mathbf{W}`, of shape :math:`(m, n)`.
        rank (int): :math:`r`, from 1 to :math:`\min(m, n)`.
        hessian (Tensor, optional): :math:`\mathbf{H}`, of shape :math:`(n, n)`.

    Returns:
        tuple[Tensor, Tensor]: :math:`\mathbf{B}` of shape :math:`(m, r)` and
        :math:`\mathbf{A}` of shape :math:`(r, n)`, in the dtype of ``weight``.
    """
    exact = weight.double()
    basis, small = _onto_rows(exact)
    gram = small @ small.T if hessian is None else small @ hessian.double() @ small.T
    _, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    leading = vectors[:, -rank:].flip(1)
    down = leading.T @ small
    size = down.norm(dim=1)
    size = torch.where(size > 0, size, 1.0).sqrt()
    up = leading * size
    if basis is not None:
        up = basis @ up
    return up.to(weight.dtype), (down / size.unsqueeze(1)).to(weight.dtype)


def _onto_rows(weight: Tensor) -> tuple[Tensor | None, Tensor]:
    """A basis of the columns and the weight in it, where that is smaller."""
    if weight.size(0) <= weight.size(1):
        return None, weight
    basis, small = torch.linalg.qr(weight)
    return basis, small

"""Sparse egos of several experts as one: a point on the Grassmann manifold."""

import torch
from torch import Tensor

# Eigenvalues nearer than this belong together: any basis of them is as good.
EIGENGAP = 1e-4
# Added to the diagonal of padding. Eigenvalues of nodes end at 2, so that 3 is far.
PADDING_SHIFT = 2.0


def mixed_egos(
    adjacency: Tensor,
    gate: Tensor,
    size: Tensor,
    num_eigs: int = 4,
    gate_laplacian: bool = False,
    normalize: bool = True,
) -> Tensor:
    r"""Off-diagonal of :math:`-\mathbf{Q}`, equation 13, for a batch of egos.

    Args:
        adjacency (Tensor): :math:`(B, k, n, n)`, symmetric, zeros and ones; zero
            beyond ``size``.
        gate (Tensor): :math:`(B, k)`; an expert with gate zero takes no part.
        size (Tensor): :math:`(B)`, nodes of each ego, at most :math:`n`.
        num_eigs (int, optional): Most eigenvectors. (default: :obj:`4`)
        gate_laplacian (bool, optional): See :class:`~graphllm.sparsify.GrassmannMixer`.
            (default: :obj:`False`)
        normalize (bool, optional): Likewise. (default: :obj:`True`)

    Returns:
        Tensor: :math:`(B, n, n)`, symmetric; also for pairs that no expert connects.
    """
    normalized = _normalized(adjacency)
    projector = bottom_projector(normalized, size, num_eigs)
    gate = gate[..., None, None]
    share = gate if gate_laplacian else (gate > 0).to(gate)
    kept = normalized if normalize else adjacency
    mixed = (share * kept + gate * projector).sum(dim=1)
    mixed.diagonal(dim1=-2, dim2=-1).zero_()
    return mixed


def star_weights(
    adjacency: Tensor,
    gate: Tensor,
    gate_laplacian: bool = False,
    normalize: bool = True,
) -> Tensor:
    r"""First row of :func:`mixed_egos` where no two neighbours are connected.

    A star with :math:`d` leaves, and any number of isolated nodes, has the
    eigenvalues 0, 1 (many times) and 2. Both the null vector and, with all ones taken
    along, everything but the last vector project the centre on a leaf with

    .. math::
        (\mathbf{U} \mathbf{U}^{\top})_{ij} = \frac{1}{2 \sqrt{d}}

    Args:
        adjacency (Tensor): :math:`(B, k, n, n)`; only the centre's row is read.
        gate (Tensor): :math:`(B, k)`.
        gate_laplacian (bool, optional): See :class:`~graphllm.sparsify.GrassmannMixer`.
            (default: :obj:`False`)
        normalize (bool, optional): Likewise. (default: :obj:`True`)

    Returns:
        Tensor: :math:`(B, n)`.
    """
    spokes = adjacency[:, :, 0]
    root = spokes.sum(dim=-1, keepdim=True).clamp(min=1.0).sqrt()
    gate = gate.unsqueeze(-1)
    share = gate if gate_laplacian else (gate > 0).to(gate)
    kept = spokes / root if normalize else spokes
    return (share * kept + gate / 2 * spokes / root).sum(dim=1)


def bottom_projector(normalized: Tensor, size: Tensor, num_eigs: int = 4) -> Tensor:
    r"""Projector :math:`\mathbf{U} \mathbf{U}^{\top}` on the bottom of each Laplacian.

    Args:
        normalized (Tensor): :math:`(B, k, n, n)`, adjacency normalised by degree.
        size (Tensor): :math:`(B)`, nodes of each ego; the others are padding.
        num_eigs (int, optional): Most eigenvectors. (default: :obj:`4`)

    Returns:
        Tensor: :math:`(B, k, n, n)`, exactly zero on padding.
    """
    index = torch.arange(normalized.size(-1), device=normalized.device)
    padding = index >= size.unsqueeze(-1)
    diagonal = 1.0 + PADDING_SHIFT * padding.to(normalized)
    laplacian = diagonal.diag_embed().unsqueeze(1) - normalized
    eigenvalue, vector = torch.linalg.eigh(laplacian)
    # The cut comes before position j if it lies at or after p and the gap is wide.
    wide = eigenvalue.diff(dim=-1, prepend=eigenvalue[..., :1]) >= EIGENGAP
    wanted = ((size + 3) // 4).clamp(max=num_eigs).view(-1, 1, 1)
    taken = (wide & (index >= wanted)).cumsum(dim=-1) == 0
    vector = vector * taken.unsqueeze(-2)
    projector = vector @ vector.mT
    return projector.masked_fill_((padding[:, :, None] | padding[:, None])[:, None], 0)


def _normalized(adjacency: Tensor) -> Tensor:
    degree = adjacency.sum(dim=-1)
    scale = degree.clamp(min=1.0).rsqrt()
    return scale.unsqueeze(-1) * adjacency * scale.unsqueeze(-2)

"""Edge weights from the egos of several experts, mixed on the Grassmann manifold."""

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.kernels.egos import spread_to_slots
from graphllm.sparsify.egos import EgoBatch, induced_egos
from graphllm.sparsify.mixed_egos import mixed_egos, star_weights


class GrassmannMixer:
    r"""Weighs edges by mixing sparse egos as points on the Grassmann manifold.

    From `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_ (2024), section 3.3, equations 9 to 13. Node
    :math:`i` with gates :math:`g_m` selected :math:`k` experts. Expert :math:`m`
    leaves a sparse ego with adjacency :math:`\mathbf{A}_m` normalised by degree, and
    :math:`\mathbf{U}_m` holds the :math:`p` bottom eigenvectors of its Laplacian
    :math:`\mathbf{L}_m = \mathbf{I} - \mathbf{A}_m`. The mixed ego

    .. math::
        \mathbf{Q} = \sum_m \left( \mathbf{L}_m - g_m \mathbf{U}_m \mathbf{U}_m^{\top}
        \right)

    has the bottom eigenvectors that minimise the sum of the traces and of the
    gate-weighted projection distances (eqs. 11 and 12), and edge :math:`(j, i)` weighs

    .. math::
        w_{ji} = - \mathbf{Q}_{ij} = \sum_m \left( \mathbf{A}_m + g_m \mathbf{U}_m
        \mathbf{U}_m^{\top} \right)_{ij}

    which may be negative. Node :math:`i` weighs the edges that enter it and no other
    pair: the graph is never rewired. Egos are induced, with edges among neighbours; a
    node without an edge left has a one on the diagonal of :math:`\mathbf{L}_m`.
    :math:`p` is ``min(num_eigs, ceil(n / 4))`` for an ego of :math:`n` nodes. If
    eigenvalues :math:`p` and :math:`p + 1` are nearer than :math:`10^{-4}`, all of
    their block is taken: single vectors of it are arbitrary, their projector is not.

    Edges that are not solved get the *gated vote* :math:`\sum_m g_m [e \text{ kept by
    } m]`: those of nodes that are not asked for, that have less than two neighbours
    or lose no edge; and edges of neighbours beyond ``max_ego``, on the scale of the
    solved edges of the same node.

    With ``normalize=False`` the sum of :math:`\mathbf{A}_m` counts every kept edge as
    one, and only :math:`\mathbf{U}_m` reads degrees. Normalised, an edge to a neighbour
    without common neighbours outweighs one inside a dense ego, although both are kept
    by the same experts; where edges that close no triangle are noise, that keeps the
    noise.

    .. note::
        The published code has no egos and no mixing of this kind. The paper leaves
        open how many eigenvectors to take, how stars and degenerate eigenvalues are
        meant, and that :math:`\mathbf{U} \mathbf{U}^{\top}` also weighs pairs that
        are not edges.

    Args:
        num_eigs (int, optional): Most eigenvectors :math:`p`. (default: :obj:`4`)
        max_ego (int, optional): Most nodes of an ego, the centre included.
            (default: :obj:`16`)
        gate_laplacian (bool, optional): Weigh :math:`\mathbf{A}_m` by its gate, too,
            where the paper counts every selected expert as one.
            (default: :obj:`False`)
        normalize (bool, optional): Whether :math:`\mathbf{A}_m` of the weight is
            normalised by degree, as in the paper's notation.
            (default: :obj:`True`)

    Raises:
        GraphLLMError: If an argument is out of range.
    """

    def __init__(
        self,
        num_eigs: int = 4,
        max_ego: int = 16,
        gate_laplacian: bool = False,
        normalize: bool = True,
    ) -> None:
        if num_eigs < 1:
            raise GraphLLMError(f"'num_eigs' must be >= 1 (got {num_eigs})")
        if max_ego < 3:
            raise GraphLLMError(
                f"'max_ego' must be >= 3, a node and two neighbours (got {max_ego})"
            )
        self.num_eigs = num_eigs
        self.max_ego = max_ego
        self.gate_laplacian = gate_laplacian
        self.normalize = normalize

    @torch.no_grad()
    def __call__(
        self,
        edge_index: Tensor,
        num_nodes: int,
        masks: Tensor,
        gates: Tensor,
        score: Tensor,
        nodes: Tensor | None = None,
    ) -> Tensor:
        r"""Weigh every edge, from the view of the node it enters.

        Egos are cut out on the CPU; the eigenproblems are solved on the device of
        ``gates``.

        Args:
            edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.
            num_nodes (int): Number of nodes.
            masks (Tensor): :math:`(|E|, K)` ``bool``, the edges each expert keeps.
            gates (Tensor): :math:`(|V|, K)`, zero for experts not selected.
            score (Tensor): :math:`(|E|)`, which neighbours take part in an ego that
                has too many.
            nodes (Tensor, optional): Nodes to solve; all if :obj:`None`.
                (default: :obj:`None`)

        Returns:
            Tensor: :math:`(|E|)`, detached, of the type of ``gates``.

        Raises:
            GraphLLMError: If shapes do not match.
            TextGraphError: If an edge names a node that does not exist.
        """
        _check_shapes(edge_index, num_nodes, masks, gates, score)
        in_edges, batches = induced_egos(
            edge_index, num_nodes, masks, gates, score, self.max_ego, nodes
        )
        vote = gated_vote(edge_index, masks, gates).cpu().double().numpy()
        value = vote[in_edges.edge]
        for batch in batches:
            weight = self._center_weights(batch, gates.device).cpu().numpy()
            node = batch.node.numpy()
            spread_to_slots(in_edges, node, batch.members, weight, value)
        vote[in_edges.edge] = value
        return torch.from_numpy(vote).to(gates)

    def _center_weights(self, batch: EgoBatch, device: torch.device) -> Tensor:
        """Weight of each member for its centre, :math:`(B, n)`."""
        how = (self.gate_laplacian, self.normalize)
        weight = star_weights(batch.adjacency, batch.gate, *how)
        rest = (~batch.star).nonzero().view(-1)
        mixed = mixed_egos(
            batch.adjacency[rest].to(device),
            batch.gate[rest].to(device),
            batch.size[rest].to(device),
            self.num_eigs,
            *how,
        )
        weight[rest] = mixed[:, 0].to(weight.device)
        return weight


def gated_vote(edge_index: Tensor, masks: Tensor, gates: Tensor) -> Tensor:
    r"""Share of its gates with which each edge's target keeps it.

    .. math::
        v_{ji} = \sum_m g_{im} \, [(j, i) \text{ kept by } m]

    Args:
        edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.
        masks (Tensor): :math:`(|E|, K)`, one where an expert keeps an edge.
        gates (Tensor): :math:`(|V|, K)`.

    Returns:
        Tensor: :math:`(|E|)`.
    """
    target = edge_index[1]
    vote = gates.new_zeros(target.numel())
    # Expert by expert: a table of gates for all edges would be large.
    for expert in range(gates.size(1)):
        vote = vote + gates[:, expert][target] * masks[:, expert]
    return vote


def _check_shapes(
    edge_index: Tensor, num_nodes: int, masks: Tensor, gates: Tensor, score: Tensor
) -> None:
    num_edges, num_experts = edge_index.size(1), gates.size(-1)
    if masks.shape != (num_edges, num_experts) or gates.shape[:-1] != (num_nodes,):
        raise GraphLLMError(
            f"'masks' and 'gates' must be ({num_edges}, K) and ({num_nodes}, K) (got "
            f"{tuple(masks.shape)} and {tuple(gates.shape)})"
        )
    if masks.dtype != torch.bool:
        raise GraphLLMError(f"'masks' must be bool (got {masks.dtype})")
    if score.shape != (num_edges,):
        raise GraphLLMError(
            f"'score' must hold one number an edge, ({num_edges},) (got "
            f"{tuple(score.shape)})"
        )

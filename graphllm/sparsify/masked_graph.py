"""Which edges of a graph count, as the layers of a network ask for it."""

from typing import Any

import torch
from torch import Tensor, nn

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_sum import EdgeSum
from graphllm.sparsify.base import KEPT_ABOVE


class MaskedGraph:
    r"""The edges that a network is called with, and which of them count.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        num_nodes (int): Number of nodes.
        mask (Tensor): :math:`(|E|)` floating, ones and zeros.

    Raises:
        TextGraphError: If they do not fit, or a self loop is removed.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int, mask: Tensor) -> None:
        self.edge_index = edge_index
        self.num_nodes = num_nodes
        self.mask = mask
        self._sums: EdgeSum | None = None
        if mask.shape != edge_index.shape[1:] or not mask.is_floating_point():
            raise TextGraphError(
                f"'edge_mask' must be floating of shape ({edge_index.size(1)},) (got "
                f"{mask.dtype} of shape {tuple(mask.shape)}); give each edge a 1 or a 0"
            )
        source, target = edge_index
        loops = int((mask.detach()[source == target] < KEPT_ABOVE).sum())
        if loops > 0:
            raise TextGraphError(
                f"'edge_mask' removes {loops} self loops, which some layers would add "
                "again; set it to 1 where edge_index[0] == edge_index[1]"
            )

    def mask_of(self, edge_index: Any, called: nn.Module) -> Tensor:
        """The mask of the edges that a module is called with.

        Args:
            edge_index (object): These edges, or the first of them.
            called (torch.nn.Module): Who.

        Returns:
            Tensor: One entry each.

        Raises:
            TextGraphError: If they are others.
        """
        if type(edge_index) is Tensor and edge_index.layout == torch.strided:
            if edge_index is self.edge_index:
                return self.mask
            first = edge_index.size(1)
            if torch.equal(edge_index, self.edge_index[:, :first]):
                return self.mask[:first]
        raise TextGraphError(
            f"'{type(called).__name__}' was called with other edges than the mask is "
            f"for, {self.mask.numel()} in a plain tensor (got "
            f"{getattr(edge_index, 'shape', type(edge_index).__name__)}); mask each "
            "graph on its own, and pass EdgeIndex as edge_index.as_tensor()"
        )

    def sums_of(
        self, edge_index: Tensor, num_sources: int, num_targets: int
    ) -> EdgeSum:
        """Sums over these edges; those of the whole graph are sorted once.

        Args:
            edge_index (Tensor): These edges, or the first of them.
            num_sources (int): Number of nodes that send.
            num_targets (int): Number of nodes that receive.

        Returns:
            EdgeSum: The sums.
        """
        if edge_index is self.edge_index and num_sources == num_targets:
            if self._sums is None or self._sums.num_sources != num_sources:
                self._sums = EdgeSum(edge_index, num_sources)
            return self._sums
        return EdgeSum(edge_index, num_sources, num_targets)

    def weight(self, edge_index: Tensor, mask: Tensor, given: Tensor | None) -> Tensor:
        """The mask as edge weights, or times those given.

        Args:
            edge_index (Tensor): These edges, or the first of them.
            mask (Tensor): One entry each.
            given (Tensor, optional): Their weights.

        Returns:
            Tensor: One weight each.
        """
        weight = mask.clone() if given is None else given * mask.to(given.dtype)
        if weight.requires_grad:
            target = edge_index[1]
            degree = weight.new_zeros(self.num_nodes)
            degree.index_add_(0, target, weight.detach().abs())
            alone = degree[target] == 0.0

            def finite(gradient: Tensor) -> Tensor:
                # The inverse square root of a degree of zero has no gradient.
                return gradient.masked_fill(alone & ~gradient.isfinite(), 0.0)

            weight.register_hook(finite)
        return weight

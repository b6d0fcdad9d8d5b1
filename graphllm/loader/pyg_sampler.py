"""PyG's compiled sampler behind the same interface."""

from collections.abc import Sequence

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.sampler import NeighborSampler as PyGNeighborSampler
from torch_geometric.sampler import NodeSamplerInput, SamplerOutput

from graphllm.errors import MissingExtraError
from graphllm.kernels.sample import stream_key
from graphllm.loader.check import check_graph, check_num_neighbors


class PyGSampler:
    """PyG's sampler, with seeded draws and counts a hop.

    Args:
        data (Data): The graph.
        num_neighbors (Sequence[int]): Neighbours to draw at each hop, -1 for all.
        replace (bool, optional): Whether to draw with replacement.
        weight_attr (str, optional): Name of the edge weights to draw by; needs
            pyg-lib, torch-sparse cannot.
        seed (int, optional): Seed of the draws.

    Raises:
        MissingExtraError: If neither pyg-lib nor torch-sparse is installed, or the
            one that is cannot draw by weights.
        TextGraphError: If edges are not usable.
        ValueError: If ``num_neighbors`` is no list of integers from -1 up.
    """

    def __init__(
        self,
        data: Data,
        num_neighbors: Sequence[int],
        *,
        replace: bool = False,
        weight_attr: str | None = None,
        seed: int = 0,
    ) -> None:
        compiled = torch_geometric.typing
        if not (compiled.WITH_PYG_LIB or compiled.WITH_TORCH_SPARSE):
            raise MissingExtraError(
                "backend='pyg' needs the package 'torch-sparse' or 'pyg-lib'. Install "
                "it with: pip install \"graphllm[sparse]\", or use backend='numba'"
            )
        if weight_attr is not None and not compiled.WITH_WEIGHTED_NEIGHBOR_SAMPLE:
            raise MissingExtraError(
                f"drawing by '{weight_attr}' with backend='pyg' needs the package "
                "'pyg-lib'; use backend='numba', which needs nothing"
            )
        check_graph(data)
        self.seed = seed
        self._sampler = PyGNeighborSampler(
            data,
            check_num_neighbors(num_neighbors),
            replace=replace,
            weight_attr=weight_attr,
        )

    def sample(self, seeds: Tensor, epoch: int | None = None) -> SamplerOutput:
        """Draw the neighbourhood of some nodes; see :class:`NeighborSampler`.

        Draws depend on the seed, the epoch and the seeds of the batch.
        """
        batch = [*seeds[:1].tolist(), int(seeds.sum())]
        # The compiled samplers draw from the default generator of the CPU.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(
                stream_key(self.seed, epoch or 0, *batch)
            )
            out = self._sampler.sample_from_nodes(NodeSamplerInput(None, seeds))
        if out.edge is not None and self._sampler.edge_permutation is not None:
            out.edge = self._sampler.edge_permutation[out.edge]
        if out.num_sampled_edges is None:
            hops = self._sampler.num_neighbors.num_hops
            out.num_sampled_nodes, out.num_sampled_edges = _per_hop(out, seeds, hops)
        return out


def _per_hop(
    out: SamplerOutput, seeds: Tensor, num_hops: int
) -> tuple[list[int], list[int]]:
    """Counts that torch-sparse does not give: nodes are numbered as they are found."""
    nodes, edges = [seeds.numel()], []
    begin, end = 0, seeds.numel()
    for _ in range(num_hops):
        found = out.row[(out.col >= begin) & (out.col < end)]
        reached = max(end, int(found.max()) + 1 if found.numel() else 0)
        nodes.append(reached - end)
        edges.append(found.numel())
        begin, end = end, reached
    return nodes, edges

"""Neighbour sampling as one of PyG's samplers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.sampler import (
    BaseSampler,
    EdgeSamplerInput,
    NegativeSampling,
    NodeSamplerInput,
    SamplerOutput,
)
from torch_geometric.sampler.neighbor_sampler import edge_sample

from graphllm.data import to_csr
from graphllm.kernels.sample import running_sums, sample_neighbors, stream_key
from graphllm.loader.check import check_graph, check_num_neighbors, check_weight


class NeighborSampler(BaseSampler):
    r"""Draws neighbourhoods hop by hop, with or without edge weights.

    The sampling of `"Inductive Representation Learning on Large Graphs"
    <https://arxiv.org/abs/1706.02216>`_ with the conventions of PyG: of the edges
    *into* a node, ``num_neighbors[h]`` are drawn at hop :math:`h`; seeds come first
    in ``node``, once for each time they are given; edges point from the neighbour
    (``row``) to the node that drew it (``col``); the subgraphs of the seeds of a
    batch share their nodes (PyG's ``disjoint=False``), and only drawn edges are
    returned (``subgraph_type="directional"``). How edges are drawn stands at
    :func:`graphllm.kernels.sample.sample_neighbors`.

    Draws depend on ``seed``, ``epoch``, hop and node alone, so they are the same
    with any number of workers, threads and batches. The other side of it: within one
    epoch, a node shows the same neighbours to every batch that reaches it at the same
    hop. :class:`~graphllm.loader.NeighborLoader` counts the epochs itself; under PyG's
    own loaders set :attr:`epoch` before each pass, or every pass sees the same draws.

    The kernel runs on one core without Python's lock: for more cores, use a loader
    with ``num_workers``, or threads.

    Args:
        data (Data): The graph.
        num_neighbors (Sequence[int]): Neighbours to draw at each hop; ``-1`` takes
            all of them, whatever their weights.
        replace (bool, optional): Whether to draw with replacement.
            (default: :obj:`False`)
        weight_attr (str, optional): Name of the edge weights to draw by: finite, not
            negative, not all zero at a node. Edges of weight zero are never drawn.
            (default: :obj:`None`, uniform)
        seed (int, optional): Seed of the draws. (default: :obj:`0`)

    Raises:
        TextGraphError: If edges or weights are not usable.
        UnknownNameError: If there is no such edge attribute.
        ValueError: If ``num_neighbors`` is no list of integers from -1 up.

    Example:
        >>> sampler = NeighborSampler(data, [15, 10], seed=1)
        >>> loader = NodeLoader(data, sampler, data.train_mask, batch_size=1024)
        >>> for sampler.epoch in range(10):
        ...     for batch in loader: ...
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
        self.num_nodes = check_graph(data)
        self.num_neighbors = check_num_neighbors(num_neighbors)
        self.replace = replace
        self.seed = seed
        self.epoch = 0
        csr = to_csr(data.edge_index.cpu(), self.num_nodes, by="target")
        self._colptr = csr.indptr.numpy()
        self._row = csr.indices.numpy()
        self._edge_ids = csr.edge_ids
        self._weight = None
        if weight_attr is not None:
            self._weight = check_weight(data, weight_attr, csr).numpy()
            if replace:
                self._weight = running_sums(self._colptr, self._weight)
        # Work space of the kernel: one for each thread that is sampling.
        self._free: list[np.ndarray] = []

    def sample(self, seeds: Tensor, epoch: int | None = None) -> SamplerOutput:
        """Draw the neighbourhood of some nodes.

        Args:
            seeds (Tensor): Node ids.
            epoch (int, optional): In place of :attr:`epoch`.

        Returns:
            SamplerOutput: With ``edge`` as columns of ``data.edge_index``.
        """
        try:
            local = self._free.pop()
        except IndexError:
            local = np.full(self.num_nodes, -1, dtype=np.int32)
        out = sample_neighbors(
            self._colptr,
            self._row,
            seeds.cpu().long().contiguous().numpy(),
            self.num_neighbors,
            self._weight,
            self.replace,
            stream_key(self.seed, self.epoch if epoch is None else epoch),
            local,
        )
        self._free.append(local)
        return SamplerOutput(
            node=torch.from_numpy(out.node),
            row=torch.from_numpy(out.row),
            col=torch.from_numpy(out.col),
            edge=self._edge_ids.index_select(0, torch.from_numpy(out.edge)),
            num_sampled_nodes=out.nodes_per_hop,
            num_sampled_edges=out.edges_per_hop,
        )

    def sample_from_nodes(
        self, index: NodeSamplerInput, **kwargs: object
    ) -> SamplerOutput:
        """Neighbourhood of the nodes of one batch, as PyG's loaders ask for it."""
        out = self.sample(index.node)
        out.metadata = (index.input_id, index.time)
        return out

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput:
        """Neighbourhood of the two ends of every edge of one batch.

        Negative edges are PyG's: ends drawn at random, so that a true edge may be
        among them. They too depend only on the seed, the epoch and the batch.
        """
        first = index.input_id if index.input_id is not None else index.row
        key = stream_key(self.seed, self.epoch, *first[:1].tolist(), 1)
        # PyG draws from the default generator, which is left as it was; that of
        # the CPU alone is touched.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(key)
            return edge_sample(
                index,
                lambda seeds, time: self.sample(seeds),
                self.num_nodes,
                disjoint=False,
                neg_sampling=neg_sampling,
            )

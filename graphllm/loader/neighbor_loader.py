"""A loader of sampled neighbourhoods under PyG's argument names."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch_geometric.data import Data
from torch_geometric.sampler import SamplerOutput

from graphllm.errors import UnknownNameError
from graphllm.kernels.sample import stream_key
from graphllm.loader.batch import make_batch
from graphllm.loader.check import check_graph, check_nodes
from graphllm.loader.pyg_sampler import PyGSampler
from graphllm.loader.sampler import NeighborSampler

Backend = Literal["numba", "pyg"]


class NeighborLoader(DataLoader):  # type: ignore[type-arg]
    r"""Mini-batches of nodes with their sampled neighbourhoods.

    Like PyG's loader of the same name, without a compiled extension: every batch is a
    ``Data`` whose first ``batch_size`` nodes are the seeds, with ``n_id``, ``e_id``,
    ``input_id``, ``num_sampled_nodes`` and ``num_sampled_edges``. What is drawn stands
    at :class:`NeighborSampler`, what a batch holds at :func:`make_batch`.

    The order of the nodes and the draws depend on ``seed`` and on how often the loader
    has been gone through, not on ``num_workers``, and the global generators are not
    touched.

    .. note::
        A network that normalises by degree (GCN) sees the degrees of the sampled
        subgraph, as it does with PyG's loader.
        :func:`graphllm.models.layerwise_inference` uses those of the whole graph.

    Args:
        data (Data): The graph; its features may lie in a memory-mapped array.
        num_neighbors (Sequence[int]): Neighbours to draw at each hop, ``-1`` for all.
        input_nodes (Tensor or Sequence[int], optional): Mask or ids of the seeds.
            (default: all nodes)
        batch_size (int, optional): Seeds a batch. (default: :obj:`1`)
        shuffle (bool, optional): Whether seeds come in a new order each time.
            (default: :obj:`False`)
        replace (bool, optional): Whether to draw with replacement.
            (default: :obj:`False`)
        weight_attr (str, optional): Name of the edge weights to draw by, for example
            ``"edge_weight"``. (default: :obj:`None`, uniform)
        transform (Callable, optional): Applied to each batch.
        seed (int, optional): Seed of order and draws. (default: :obj:`0`)
        backend (str, optional): ``"numba"``, or ``"pyg"`` for the sampler that PyG
            takes from torch-sparse or pyg-lib where one is installed; the batches
            have the same form and another draw. (default: :obj:`"numba"`)
        sampler (torch.utils.data.Sampler, optional): Yields positions in
            ``input_nodes``, in place of ``shuffle``.
        **kwargs (optional): Of :class:`torch.utils.data.DataLoader`, such as
            ``num_workers`` or ``drop_last``.

    Raises:
        TextGraphError: If edges or weights are not usable.
        UnknownNameError: If there is no such edge attribute or backend.
        MissingExtraError: If PyG has no compiled sampler.
        ValueError: If another argument is out of range.

    Example:
        >>> loader = NeighborLoader(data, [15, 10], data.train_mask, 1024, shuffle=True)
        >>> for batch in loader:
        ...     out = model(batch.x, batch.edge_index)[: batch.batch_size]
    """

    def __init__(
        self,
        data: Data,
        num_neighbors: Sequence[int],
        input_nodes: Tensor | Sequence[int] | None = None,
        batch_size: int = 1,
        *,
        shuffle: bool = False,
        replace: bool = False,
        weight_attr: str | None = None,
        transform: Callable[[Data], Data] | None = None,
        seed: int = 0,
        backend: Backend = "numba",
        sampler: Sampler[int] | None = None,
        **kwargs: Any,
    ) -> None:
        if backend not in get_args(Backend):
            raise UnknownNameError("sampling backend", backend, get_args(Backend))
        if batch_size < 1:
            raise ValueError(f"'batch_size' must be at least 1 (got {batch_size})")
        if shuffle and sampler is not None:
            raise ValueError("'shuffle' and 'sampler' exclude each other; drop one")
        self.data = data
        self.transform = transform
        self.input_nodes = check_nodes(input_nodes, check_graph(data))
        self._by_mask = getattr(input_nodes, "dtype", None) == torch.bool
        kind = NeighborSampler if backend == "numba" else PyGSampler
        self.node_sampler = kind(
            data, num_neighbors, replace=replace, weight_attr=weight_attr, seed=seed
        )
        # Workers may not read what lies on a GPU; its rows are gathered afterwards.
        self._gather_here = data.edge_index.device.type != "cpu"
        size = self.input_nodes.numel()
        order = _Order(size, shuffle, seed, sampler)
        # DataLoader draws a seed for its workers; not from the default generator.
        kwargs.setdefault("generator", torch.Generator().manual_seed(0))
        super().__init__(
            range(2**62),  # type: ignore[arg-type]  # numbers as they are
            batch_size=batch_size,
            sampler=order,
            collate_fn=self._collate,
            **kwargs,
        )

    def __iter__(self) -> Iterator[Data]:  # type: ignore[override]
        """Go through the seeds once, with new draws."""
        for batch in super().__iter__():
            yield self._gathered(*batch) if self._gather_here else batch

    def _collate(
        self, numbers: Sequence[int]
    ) -> Data | tuple[SamplerOutput, Tensor, int]:
        size = self.input_nodes.numel()
        position = torch.tensor([number % size for number in numbers])
        seeds = self.input_nodes[position]
        out = self.node_sampler.sample(seeds, epoch=numbers[0] // size)
        input_id = seeds if self._by_mask else position
        if self._gather_here:
            return out, input_id, len(numbers)
        return self._gathered(out, input_id, len(numbers))

    def _gathered(self, out: SamplerOutput, input_id: Tensor, size: int) -> Data:
        batch = make_batch(self.data, out)
        batch.input_id = input_id
        batch.batch_size = size
        return batch if self.transform is None else self.transform(batch)


class _Order(Sampler[int]):
    """Positions of the seeds; what is yielded also tells the epoch to the workers.

    Position ``p`` of epoch ``e`` is the number ``e * size + p``: workers that outlive
    an epoch, and two iterations side by side, need no shared counter.
    """

    def __init__(
        self, size: int, shuffle: bool, seed: int, sampler: Sampler[int] | None
    ) -> None:
        self.size = size
        self.shuffle = shuffle
        self.seed = seed
        self.sampler = sampler
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        first = self.epoch * self.size
        order: Sequence[int] | Sampler[int] = range(self.size)
        if self.sampler is not None:
            order = self.sampler
        elif self.shuffle:
            # 63 bits: what a generator takes as a seed
            key = stream_key(self.seed, self.epoch, 2) >> 1
            generator = torch.Generator().manual_seed(key)
            order = torch.randperm(self.size, generator=generator).tolist()
        self.epoch += 1
        return (first + int(position) for position in order)

    def __len__(self) -> int:
        return self.size if self.sampler is None else len(self.sampler)  # type: ignore[arg-type]

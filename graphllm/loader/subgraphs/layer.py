"""Batches with a sample of nodes for every layer (FastGCN, LADIES)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.sampler import SamplerOutput

from graphllm.data import to_csr
from graphllm.errors import UnknownNameError
from graphllm.loader.batch import make_batch
from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least, check_sizes, edge_weights
from graphllm.loader.subgraphs.draws import WeightedDraws
from graphllm.loader.subgraphs.neighbor import shuffled_batches, with_seeds
from graphllm.loader.subgraphs.propagation import squared_propagation

LayerKind = Literal["fastgcn", "ladies"]


@dataclass(frozen=True)
class LayerSampled(Subgraphs):
    r"""Training nodes, a sample of nodes for the layer below them, one below these, ...

    Layer :math:`\ell` is drawn with replacement, :math:`s_\ell` times, by

    .. math::
        q(u) \propto \sum_{v} P_{v u}^2 \quad \text{(fastgcn)}, \qquad
        q(u) \propto \sum_{v \in \mathcal{S}_{\ell + 1}} P_{v u}^2
        \quad \text{(ladies)}

    with :math:`\mathbf{P}` the adjacency as GCN normalises it and
    :math:`\mathcal{S}_{\ell + 1}` the nodes of the layer above. From `"FastGCN: Fast
    Learning with Graph Convolutional Networks via Importance Sampling"
    <https://arxiv.org/abs/1801.10247>`_ (2018) and `"Layer-Dependent Importance
    Sampling for Training Deep and Large Graph Convolutional Networks"
    <https://arxiv.org/abs/1911.07323>`_ (2019). An edge :math:`(u, v)` between the
    layers weighs :math:`a_{u v} n_u / (s q(u))`, with :math:`n_u` how often :math:`u`
    was drawn and :math:`a_{u v}` its weight in the graph: weighted sums are unbiased.
    If there are no more than :math:`s` candidates, all are taken with factor one.

    A batch is one graph for a network of any kind: the layers one after another, the
    training nodes first, and each node once for *each layer that it is in* (``n_id``
    repeats), so that the samples of two layers are independent wherever they meet, as
    in the papers. All layers of the network run over all of it: give ``num_nodes`` as
    many entries as it has layers that aggregate.

    .. note::
        What a node keeps of itself is not sampled: its copy is there for root weights
        and added self loops, and a self loop of the graph keeps its weight. So self
        loops are no part of :math:`q`. The authors' code draws LADIES without
        replacement under the weights of draws with replacement, which is biased, and
        FastGCN's from training nodes alone.

    Args:
        kind (str, optional): ``"fastgcn"`` or ``"ladies"``. (default:
            :obj:`"ladies"`)
        num_nodes (Sequence[int], optional): Draws :math:`s_\ell` for each layer, from
            the one below the training nodes down. (default: :obj:`(512, 512)`)
        batch_size (int, optional): Training nodes a batch; each is in one batch an
            epoch. (default: :obj:`512`)

    Raises:
        UnknownNameError: If there is no such kind.
        GraphLLMError: If another option is out of range.
    """

    kind: LayerKind = "ladies"
    num_nodes: tuple[int, ...] = (512, 512)
    batch_size: int = 512

    def __post_init__(self) -> None:
        if self.kind not in get_args(LayerKind):
            raise UnknownNameError("layer sampler", self.kind, get_args(LayerKind))
        sizes = check_sizes("num_nodes", self.num_nodes, 1)
        object.__setattr__(self, "num_nodes", sizes)
        check_at_least("batch_size", self.batch_size, 1)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Group the edges by target and square them; see :meth:`Subgraphs.bind`."""
        return _BoundLayers(self, data)


class _Layer(NamedTuple):
    """Edges into one layer: who below, who above by position, which, how heavy."""

    below: Tensor
    source: Tensor
    target: Tensor
    slot: Tensor
    factor: Tensor


class _BoundLayers(BoundSubgraphs):
    def __init__(self, options: LayerSampled, data: Data) -> None:
        super().__init__(data)
        self.options = options
        edge_index = data.edge_index.cpu()
        weight = edge_weights(data)
        squares, _ = squared_propagation(edge_index, weight, self.num_nodes, "sym")
        csr = to_csr(edge_index, self.num_nodes, by="target")
        self.csr = csr
        self.weight = weight[csr.edge_ids]
        self.squares = squares[csr.edge_ids]
        self.everywhere: WeightedDraws | None = None
        if options.kind == "fastgcn":
            column = torch.zeros(self.num_nodes, dtype=torch.double)
            self.everywhere = WeightedDraws(
                column.index_add_(0, csr.indices, self.squares)
            )

    def _batches(self, generator: torch.Generator) -> Iterator[Data]:
        batch_size = self.options.batch_size
        for seeds in shuffled_batches(self.train_mask, batch_size, generator):
            yield self._batch(seeds, generator)

    def _batch(self, seeds: Tensor, generator: torch.Generator) -> Data:
        nodes, layers = [seeds], []
        row, col, begin = [], [], 0
        for count in self.options.num_nodes:
            layer = self._layer(nodes[-1], count, generator)
            end = begin + nodes[-1].numel()
            loop = layer.source < 0
            # Self loops stay with their node, within the layer.
            row.append(torch.where(loop, layer.target + begin, layer.source + end))
            col.append(layer.target + begin)
            nodes.append(layer.below)
            layers.append(layer)
            begin = end
        slot = torch.cat([layer.slot for layer in layers])
        out = SamplerOutput(
            node=torch.cat(nodes),
            row=torch.cat(row),
            col=torch.cat(col),
            edge=self.csr.edge_ids[slot],
            num_sampled_nodes=[part.numel() for part in nodes],
            num_sampled_edges=[layer.slot.numel() for layer in layers],
        )
        batch = with_seeds(make_batch(self.data, out), seeds.numel())
        weight = torch.cat([layer.factor for layer in layers]) * self.weight[slot]
        batch.edge_weight = weight.float().to(batch.edge_index.device)
        return batch

    def _layer(self, above: Tensor, count: int, generator: torch.Generator) -> _Layer:
        """Draw the nodes below some nodes; a source of -1 marks a self loop."""
        indptr, indices, _ = self.csr
        degree = indptr[above + 1] - indptr[above]
        target = torch.arange(above.numel()).repeat_interleave(degree)
        before = degree.cumsum(0) - degree
        slot = torch.arange(target.numel()) + (indptr[above] - before)[target]
        source = indices[slot]
        below, factor = self._draw(source, self.squares[slot], count, generator)
        place = torch.searchsorted(below, source)
        place.clamp_(max=max(below.numel() - 1, 0))
        loop = source == above[target]
        keep = loop.clone()
        factors = torch.ones(slot.numel(), dtype=torch.double)
        if below.numel():
            keep |= below[place] == source
            factors = torch.where(loop, 1.0, factor[place])
        place[loop] = -1
        return _Layer(below, place[keep], target[keep], slot[keep], factors[keep])

    def _draw(
        self, source: Tensor, square: Tensor, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Distinct nodes, ascending, and their factors."""
        if self.everywhere is not None:
            return self.everywhere.sample(count, generator)
        nodes, which = source.unique(return_inverse=True)
        column = torch.zeros(nodes.numel(), dtype=torch.double)
        column.index_add_(0, which, square)
        items, factor = WeightedDraws(column).sample(count, generator)
        return nodes[items], factor

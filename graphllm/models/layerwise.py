"""Exact inference on the whole graph, one layer at a time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphllm.data import to_csr
from graphllm.kernels.sample import Ints, sample_neighbors
from graphllm.models.backbones import takes_edge_weight
from graphllm.models.ellagnn import ELLaGNN
from graphllm.models.fusion import ONE_ROW, fuse
from graphllm.models.gcn import GCN
from graphllm.models.propagation import GCNConv

# One layer of these reads a node and the sources of its incoming edges, no more.
TWO_SIDED = (pyg.SAGEConv, pyg.GINConv)  # take (sources, targets)
ONE_SIDED = (pyg.GATConv, pyg.GATv2Conv, pyg.PNAConv)
ROW_WISE = (nn.Identity, pyg.BatchNorm, nn.BatchNorm1d)

Read = Callable[[Tensor], Tensor]


def layerwise_inference(
    model: ELLaGNN, data: Data, batch_size: int = 4096, *, use_llm: bool = False
) -> Tensor:
    """Class scores of every node, equal to a full-batch forward pass.

    The first layer is computed for all nodes, some at a time and each from *all* its
    neighbours, then the second one from its output, and so on. Memory holds a few
    hidden matrices of all nodes and the messages into ``batch_size`` nodes, where a
    full-batch pass may hold the messages along all edges; nothing is sampled.

    GCN normalises by the degrees of the whole graph. Features may lie in a
    memory-mapped array and in half precision; they and ``x_llm`` are read a batch at a
    time. Sums run in another order than in a full-batch pass, so that outcomes agree
    to rounding.

    Edges and weights are chosen as in training and testing on the full graph: with the
    language model ``data.edge_weight`` where the backbone takes weights, and only the
    edges of ``data.keep_edge`` where there is one; without it
    ``data.free_edge_weight`` where there is one.

    Args:
        model (ELLaGNN): The network, in evaluation mode, over one of PyG's ``GCN``,
            ``GraphSAGE``, ``GAT``, ``GIN``, ``PNA`` or ``MLP``, with any norm and
            any jumping knowledge.
        data (Data): The graph.
        batch_size (int, optional): Nodes at a time. (default: :obj:`4096`)
        use_llm (bool, optional): Whether the enhanced features are used.
            (default: :obj:`False`)

    Returns:
        Tensor: :math:`(|V|, C)`, on the device of the network.

    Raises:
        ValueError: If the network cannot be cut into layers, is in training mode, or
            ``batch_size`` is below one.
    """
    return Layerwise(data, batch_size, use_llm=use_llm)(model)


def supports_layerwise(model: ELLaGNN) -> bool:
    """Whether :func:`layerwise_inference` can run this network."""
    return _obstacle(model.backbone) is None


class Layerwise:
    """:func:`layerwise_inference` that sorts the edges once for many calls.

    Args:
        data (Data): The graph; must not change between calls.
        batch_size (int, optional): Nodes at a time. (default: :obj:`4096`)
        use_llm (bool, optional): Whether the enhanced features are used.
            (default: :obj:`False`)
    """

    def __init__(
        self, data: Data, batch_size: int = 4096, *, use_llm: bool = False
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"'batch_size' must be at least 1 (got {batch_size})")
        index = getattr(data, "llm_index", None)
        self.data = data
        self.batch_size = batch_size
        self.use_llm = use_llm and index is not None and index.numel() > 0
        self.num_nodes = int(data.num_nodes or 0)
        self._edges: dict[tuple[object, ...], _Edges] = {}
        self._local = np.full(self.num_nodes, -1, dtype=np.int32)

    @torch.no_grad()
    def __call__(self, model: ELLaGNN) -> Tensor:
        """Class scores of every node, :math:`(|V|, C)`."""
        obstacle = _obstacle(model.backbone)
        if obstacle is not None:
            raise ValueError(
                f"{obstacle}, so it cannot run layer by layer; call the model on the "
                "whole graph instead"
            )
        if model.training:
            raise ValueError(
                "the network is in training mode; call model.eval() before inference"
            )
        device = next(model.parameters()).device

        def features(node: Tensor) -> Tensor:
            return self._features(model, node).to(device)

        if isinstance(model.backbone, pyg.MLP):
            return self._by_rows(model.backbone, features)
        return self._by_layers(model.backbone, features)

    def _by_layers(self, backbone: BasicGNN, features: Read) -> Tensor:
        read, kept = features, []
        last = backbone.num_layers - 1
        for layer, conv in enumerate(backbone.convs):
            x = self._conv(backbone, conv, read)
            if layer < last or backbone.jk_mode is not None:
                x = _finish(backbone, backbone.norms[layer], x)
            if hasattr(backbone, "jk"):
                kept.append(x)
            read = x.__getitem__
        if hasattr(backbone, "jk"):

            def jump(node: Tensor) -> Tensor:
                return backbone.jk([x[node] for x in kept])

            read = jump
        head = getattr(backbone, "lin", None)
        if head is None and not kept:
            return x
        return self._by_rows(head or nn.Identity(), read)

    def _by_rows(self, module: nn.Module, read: Read) -> Tensor:
        parts = [module(read(node)) for node in self._batches()]
        return torch.cat(parts)

    def _batches(self) -> tuple[Tensor, ...]:
        return torch.arange(self.num_nodes).split(self.batch_size)

    def _conv(self, backbone: BasicGNN, conv: MessagePassing, read: Read) -> Tensor:
        """One layer's messages into all nodes, from all their neighbours."""
        edges = self._edges_of(backbone, conv)
        is_gcn = isinstance(conv, pyg.GCNConv)
        if is_gcn:
            # Linear first: each row once, and messages of the smaller size.
            read = self._by_rows(conv.lin, read).__getitem__
        out: Tensor | None = None
        for node in self._batches():
            around = sample_neighbors(
                edges.colptr, edges.row, node.numpy(), [-1], local=self._local
            )
            x = read(torch.from_numpy(around.node))
            ends = np.stack([around.row, around.col])
            edge_index = torch.from_numpy(ends).to(x.device)
            if is_gcn:
                weight = edges.weight
                if weight is not None:
                    weight = weight[torch.from_numpy(around.edge)].to(x)
                part = conv.propagate(edge_index, x=x, edge_weight=weight)
                part = part if conv.bias is None else part + conv.bias
            elif isinstance(conv, TWO_SIDED):
                part = conv((x, x[: node.numel()]), edge_index)
            else:
                part = conv(x, edge_index)
            part = part[: node.numel()]
            if out is None:
                out = part.new_empty(self.num_nodes, part.size(1))
            out[node[0] : node[-1] + 1] = part
        if out is None:
            raise ValueError("the graph has no nodes; there is nothing to infer")
        return out

    def _edges_of(self, backbone: BasicGNN, conv: MessagePassing) -> "_Edges":
        """Edges by target, with GCN's weights of the whole graph."""
        weighs = takes_edge_weight(backbone)
        normalize = isinstance(conv, pyg.GCNConv) and conv.normalize
        key: tuple[object, ...] = (weighs, normalize)
        if normalize:
            key = (*key, conv.improved, conv.add_self_loops)
        if key not in self._edges:
            edge_index, weight = self._chosen(weighs)
            if normalize:
                dtype = torch.get_default_dtype() if weight is None else weight.dtype
                edge_index, weight = gcn_norm(
                    edge_index,
                    weight,
                    self.num_nodes,
                    conv.improved,
                    conv.add_self_loops,
                    dtype=dtype,
                )
            self._edges[key] = _by_target(edge_index, weight, self.num_nodes)
        return self._edges[key]

    def _chosen(self, weighs: bool) -> tuple[Tensor, Tensor | None]:
        data = self.data
        if not self.use_llm:
            free = getattr(data, "free_edge_weight", None) if weighs else None
            return data.edge_index, free
        weight = getattr(data, "edge_weight", None) if weighs else None
        keep = getattr(data, "keep_edge", None)
        if keep is None:
            return data.edge_index, weight
        return data.edge_index[:, keep], None if weight is None else weight[keep]

    def _features(self, model: ELLaGNN, node: Tensor) -> Tensor:
        """Fused features of some nodes, in the precision of the network."""
        x = _rows(self.data.x, node).to(next(model.parameters()).dtype)
        if not self.use_llm:
            return x
        index = self.data.llm_index
        here = node.to(index.device)
        place = torch.searchsorted(index, here).clamp_(max=index.numel() - 1)
        mask = index[place] == here
        place, mask = place[mask], mask.to(x.device)
        fusion = model.fusion if model.fuser is None else model.fuser
        if model.fusion in ONE_ROW or "x_views" not in self.data:
            x_llm = _rows(self.data.x_llm, place).to(x)
            return fuse(x, x_llm, mask, fusion, model.mix)
        x_llm = _rows(self.data.x_views, place).to(x)
        valid = _rows(self.data.view_mask, place).to(x.device)
        return fuse(x, x_llm, mask, fusion, model.mix, view_mask=valid)


class _Edges(NamedTuple):
    colptr: Ints
    row: Ints
    weight: Tensor | None


def _by_target(edge_index: Tensor, weight: Tensor | None, num_nodes: int) -> _Edges:
    csr = to_csr(edge_index, num_nodes, by="target")
    weight = None if weight is None else weight[csr.edge_ids].cpu()
    return _Edges(csr.indptr.cpu().numpy(), csr.indices.cpu().numpy(), weight)


def _rows(value: Tensor | np.ndarray, node: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value[node.to(value.device)]
    return torch.from_numpy(np.take(value, node.cpu().numpy(), axis=0))


def _finish(backbone: BasicGNN, norm: nn.Module, x: Tensor) -> Tensor:
    """Norm and activation, on all nodes at once: some norms read the whole graph."""
    act = backbone.act
    if act is not None and backbone.act_first:
        x = act(x)
    x = norm(x)
    if act is not None and not backbone.act_first:
        x = act(x)
    return x


def _obstacle(backbone: nn.Module) -> str | None:
    """Why a network cannot run layer by layer, or None if it can."""
    name = backbone.__class__.__name__
    if isinstance(backbone, pyg.MLP):
        for norm in backbone.norms:
            if not isinstance(norm, ROW_WISE):
                return f"'{name}' has the norm '{norm.__class__.__name__}' of all rows"
        return None
    plain = (BasicGNN.forward, GCN.forward)
    if not isinstance(backbone, BasicGNN) or type(backbone).forward not in plain:
        return f"'{name}' is none of PyG's plain stacks of layers"
    for conv in backbone.convs:
        kind = conv.__class__
        if kind not in (pyg.GCNConv, GCNConv, *TWO_SIDED, *ONE_SIDED):
            return f"'{name}' has layers of the kind '{kind.__name__}'"
        if conv.flow != "source_to_target":
            return f"'{name}' sends messages from target to source"
    return None

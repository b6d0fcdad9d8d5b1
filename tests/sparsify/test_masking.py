"""A network under a mask against the same network on the pruned graph.

Slopes of the mask and the way in and out are in the two files beside this one.
"""

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.nn.aggr import SoftmaxAggregation

from graphllm.errors import GraphLLMError
from graphllm.models import BACKBONES, ELLaGNN, make_backbone
from graphllm.sparsify import masked_forward

CHANNELS = 6
SIZES = {"in_channels": CHANNELS, "hidden_channels": 8, "num_layers": 3}
WITHOUT_EDGES = ("mlp",)


class Convolutions(nn.Module):
    """Three layers of one kind, fed with what they take."""

    def __init__(self, make, features=None):
        super().__init__()
        self.convs = nn.ModuleList(make() for _ in range(3))
        self.features = features

    def forward(self, x, edge_index, **of_edges):
        for conv in self.convs:
            x = conv(x, edge_index, **of_edges).tanh()
        return x


def backbone(name, **options):
    return lambda: make_backbone(name, CHANNELS, 8, 5, 3, **options)


def layers(conv, *args, **options):
    return lambda: Convolutions(lambda: conv(CHANNELS, CHANNELS, *args, **options))


def mlp():
    return pyg.MLP([CHANNELS, 8, CHANNELS], norm=None)


NETWORKS = {
    **{name: backbone(name) for name in BACKBONES if name not in WITHOUT_EDGES},
    "gcn, batch norm": backbone("gcn", norm="batch"),
    "PyG's gcn": lambda: pyg.GCN(**SIZES),
    "gcn, jk": backbone("gcn", jk="cat"),
    "sage, max": backbone("sage", aggr="max"),
    "sage, min": backbone("sage", aggr="min"),
    "sage, sum": backbone("sage", aggr="sum"),
    "sage, std": backbone("sage", aggr="std"),
    "sage, var": backbone("sage", aggr="var"),
    "sage, median": backbone("sage", aggr="median"),
    "sage, several": backbone("sage", aggr=["mean", "max", "std", "softmax"]),
    "sage, softmax": backbone("sage", aggr=SoftmaxAggregation(t=0.5, learn=True)),
    "sage, normalised": backbone("sage", normalize=True, project=True),
    "gat, heads": backbone("gat", heads=2),
    "gat, no loops": backbone("gat", add_self_loops=False),
    "gatv2": backbone("gat", v2=True),
    "gatv2, heads": backbone("gat", v2=True, heads=4),
    "pna, towers": lambda: pyg.PNA(
        **SIZES,
        aggregators=["sum", "mean", "var"],
        scalers=["linear", "inverse_linear", "attenuation"],
        deg=torch.tensor([0, 3, 9, 5, 2]),
        towers=2,
    ),
    "ellagnn": lambda: ELLaGNN("gcnii", CHANNELS, 8, 5, 2),
    "graph conv": layers(pyg.GraphConv),
    "graph conv, mean": layers(pyg.GraphConv, aggr="mean"),
    "genconv": layers(pyg.GENConv, aggr="softmax", learn_t=True),
    "genconv, powermean": layers(pyg.GENConv, aggr="powermean"),
    "residual gates": layers(pyg.ResGatedGraphConv),
    "tag": layers(pyg.TAGConv),
    "ssg": layers(pyg.SSGConv, alpha=0.3, K=2),
    "lightgcn": lambda: Convolutions(pyg.LGConv),
    "gcn, no loops": layers(pyg.GCNConv, add_self_loops=False),
    "gcn, plain sum": layers(pyg.GCNConv, normalize=False),
    "sequential": lambda: pyg.Sequential(
        "x, edge_index",
        [
            (pyg.GCNConv(CHANNELS, 8), "x, edge_index -> x"),
            nn.Tanh(),
            (pyg.SAGEConv(8, 5), "x, edge_index -> x"),
        ],
    ),
}
WEIGHTED = {
    "gcn": backbone("gcn"),
    "gcnii": backbone("gcnii"),
    "appnp": backbone("appnp"),
    "sgc": backbone("sgc"),
    "ellagnn": lambda: ELLaGNN("resgcn", CHANNELS, 8, 5, 2),
    "graph conv": layers(pyg.GraphConv),
    "graph conv, mean": layers(pyg.GraphConv, aggr="mean"),
    "graph conv, max": layers(pyg.GraphConv, aggr="max"),
    "gcn layers": layers(pyg.GCNConv),
    "tag": layers(pyg.TAGConv),
}
WITH_FEATURES = {
    "gine": lambda: Convolutions(lambda: pyg.GINEConv(mlp(), edge_dim=3)),
    "gat": layers(pyg.GATConv, edge_dim=3, fill_value=0.5),
    "gatv2": layers(pyg.GATv2Conv, edge_dim=3, add_self_loops=False),
    "pna": layers(
        pyg.PNAConv, ["mean", "max"], ["identity"], torch.ones(4), edge_dim=3
    ),
    "genconv": layers(pyg.GENConv, edge_dim=3),
    "residual gates": layers(pyg.ResGatedGraphConv, edge_dim=3),
}


def ready(make, x, edge_index, **of_edges):
    """In training mode, with what it measures on its first graph measured."""
    torch.manual_seed(3)
    gnn = make().to(x.dtype)
    with torch.no_grad():
        gnn.eval()(x, edge_index, **of_edges)
    return gnn.train()


def gradients(gnn, x, out):
    torch.manual_seed(4)
    loss = (out * torch.randn(out.shape).to(out)).sum()
    wanted = [x, *gnn.parameters()]
    return torch.autograd.grad(loss, wanted, allow_unused=True)


def assert_same(gnn, x, edge_index, mask, **of_edges):
    keep = mask > 0.5
    kept = {name: value[keep] for name, value in of_edges.items()}
    x = x.clone().requires_grad_()
    pruned = gnn(x, edge_index[:, keep], **kept)
    mask = mask.clone().requires_grad_()
    masked = masked_forward(gnn, x, edge_index, mask, **of_edges)
    torch.testing.assert_close(masked, pruned, rtol=1e-5, atol=1e-5)
    (slope,) = torch.autograd.grad(masked.square().sum(), mask, retain_graph=True)
    assert slope.isfinite().all()
    expected = gradients(gnn, x, pruned)
    for got, want in zip(gradients(gnn, x, masked), expected, strict=True):
        assert (got is None) == (want is None)
        if want is not None:
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("name", NETWORKS)
def test_masked_equals_pruned(name, share, pruning):
    x, edge_index, mask = pruning(share)
    gnn = ready(NETWORKS[name], x, edge_index)
    assert_same(gnn, x, edge_index, mask)
    with torch.no_grad():
        change = gnn(x, edge_index) - masked_forward(gnn, x, edge_index, mask)
    # Else the equality would prove nothing.
    assert change.abs().max() > 1e-3


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", WEIGHTED)
def test_with_edge_weights(name, seed, pruning):
    x, edge_index, mask = pruning(seed=seed)
    weight = torch.rand(edge_index.size(1)) + 0.1
    # A loop that is there twice with different weights has no defined weight.
    weight[edge_index[0] == edge_index[1]] = 0.7
    gnn = ready(WEIGHTED[name], x, edge_index)
    assert_same(gnn, x, edge_index, mask, edge_weight=weight)


@pytest.mark.parametrize("name", WITH_FEATURES)
def test_with_edge_features(name, pruning):
    x, edge_index, mask = pruning()
    features = torch.randn(edge_index.size(1), 3)
    gnn = ready(WITH_FEATURES[name], x, edge_index, edge_attr=features)
    assert_same(gnn, x, edge_index, mask, edge_attr=features)


@pytest.mark.parametrize("name", ["gcn", "sage", "gat", "gin", "pna"])
def test_without_edges(name, pruning):
    x, edge_index, _ = pruning()
    gnn = ready(NETWORKS[name], x, edge_index)
    assert_same(gnn, x, edge_index[:, :0], torch.ones(0))


def test_extreme_attention_of_a_removed_edge_is_forgotten(pruning):
    # Its logit is a thousand above the others': dividing by all would leave nothing.
    x, edge_index, mask = pruning()
    gnn = ready(layers(pyg.GATConv), x, edge_index)
    with torch.no_grad():
        for conv in gnn.convs:
            conv.att_src.mul_(1000)
    assert_same(gnn, x, edge_index, mask)


# ------------------------------------------- networks that forget edge weights


class Forgetful(nn.Module):
    """Takes edge weights and does not pass them on."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, edge_index, edge_weight=None):
        return self.inner(x, edge_index)


class TwoKinds(nn.Module):
    """Weights enter one layer, an aggregation another."""

    def __init__(self):
        super().__init__()
        self.first = pyg.GCNConv(CHANNELS, CHANNELS)
        self.second = pyg.GraphConv(CHANNELS, CHANNELS, aggr="mean")

    def forward(self, x, edge_index, edge_weight=None):
        return self.second(self.first(x, edge_index, edge_weight), edge_index)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Forgetful(pyg.GCNConv(CHANNELS, CHANNELS)),
        lambda: Forgetful(make_backbone("gcn", CHANNELS, 8, 5, 2)),
        lambda: Forgetful(make_backbone("gcnii", CHANNELS, 8, 5, 2)),
        lambda: Forgetful(pyg.GATConv(CHANNELS, CHANNELS)),
        TwoKinds,
    ],
)
def test_networks_that_lose_edge_weights_are_masked(make, pruning):
    x, edge_index, mask = pruning()
    gnn = ready(make, x, edge_index)
    assert_same(gnn, x, edge_index, mask)


class Dense(nn.Module):
    """Adds up neighbours with a matrix, where no layer can be seen."""

    def forward(self, x, edge_index, edge_weight=None):
        if edge_weight is None:
            edge_weight = x.new_ones(edge_index.size(1))
        matrix = x.new_zeros(x.size(0), x.size(0))
        matrix = matrix.index_put(
            (edge_index[1], edge_index[0]), edge_weight, accumulate=True
        )
        return matrix @ x


def test_a_network_without_layers_must_declare_edge_weights(pruning):
    x, edge_index, mask = pruning()
    gnn = Dense()
    with pytest.raises(GraphLLMError, match="'Dense' holds no MessagePassing"):
        masked_forward(gnn, x, edge_index, mask)
    gnn.supports_edge_weight = True
    assert_same(gnn, x, edge_index, mask)

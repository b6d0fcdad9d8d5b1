import warnings

import numpy as np
import pytest
import torch
from torch_geometric.transforms import RandomLinkSplit
from torch_geometric.utils import to_dense_adj

from graphllm.errors import (
    EmbeddingError,
    GraphLLMError,
    LeakageError,
    UnknownNameError,
)
from graphllm.graph_tokens import HopField


@pytest.fixture
def x():
    return torch.randn(60, 10, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def edges(sbm):
    """Directed, repeated and looping edges; 59 has none, 58 hears from nobody."""
    generator = torch.Generator().manual_seed(2)
    more = torch.randint(58, (2, 80), generator=generator)
    kept = sbm.edge_index[:, (sbm.edge_index < 58).all(dim=0)]
    last = torch.tensor([[3, 58], [3, 7]])
    return torch.cat([kept, more, more[:, :9], last], dim=1)


def dense_hops(x, edge_index, num_hops, norm):
    """Powers of the dense matrix, in double precision."""
    adjacency = (
        to_dense_adj(edge_index, max_num_nodes=len(x))[0].T.double().clamp(max=1)
    )
    degree = adjacency.sum(dim=1)
    if norm == "mean":
        step = adjacency / degree.clamp(min=1).view(-1, 1)
    else:
        scale = torch.where(degree > 0, degree.clamp(min=1).rsqrt(), 0.0)
        step = scale.view(-1, 1) * adjacency * scale
    powers = [torch.linalg.matrix_power(step, hop) for hop in range(num_hops + 1)]
    return torch.stack([power @ x.double() for power in powers], dim=1)


@pytest.mark.parametrize("norm", ["mean", "sym"])
@pytest.mark.parametrize("num_hops", [1, 4])
def test_equals_dense_powers(x, edges, norm, num_hops):
    template = HopField(num_hops, norm)
    assert template.num_tokens == num_hops + 1
    assert template.num_features(10) == 10
    nodes = torch.tensor([7, 59, 0, 7])
    tokens = template.bind(x, edges)(nodes)
    expected = dense_hops(x, edges, num_hops, norm)[nodes]
    assert tokens.x.dtype == torch.float32
    assert torch.allclose(tokens.x.double(), expected, atol=1e-5)
    assert torch.equal(tokens.x[:, 0], x[nodes])
    assert tokens.nodes.tolist() == nodes.view(-1, 1).expand(-1, num_hops + 1).tolist()


def test_mean_and_sym_differ(x, edges):
    hops = [HopField(2, norm).bind(x, edges).hops for norm in ("mean", "sym")]
    assert not torch.allclose(*hops, atol=1e-2)


def test_a_node_without_neighbours_has_zeros_that_count(x, edges):
    tokens = HopField(3).bind(x, edges)(torch.tensor([59]))
    assert torch.equal(tokens.x[0, 0], x[59])
    assert not tokens.x[0, 1:].any()
    assert tokens.mask.all()
    lonely = HopField(2).bind(x, torch.empty(2, 0, dtype=torch.long))
    assert not lonely(torch.arange(60)).x[:, 1:].any()


def test_by_hand():
    # a path 0 - 1 - 2
    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    x = torch.tensor([[8.0], [2.0], [4.0]])
    tokens = HopField(2).bind(x, edges)(torch.tensor([0, 1]))
    assert tokens.x.squeeze(-1).tolist() == [[8, 2, 6], [2, 6, 2]]


@pytest.mark.parametrize("chunk_size", [1, 3, 7, 10, 1000])
def test_chunks_change_nothing(x, edges, chunk_size):
    whole = HopField(3).bind(x, edges).hops
    parts = HopField(3, chunk_size=chunk_size).bind(x, edges).hops
    assert torch.allclose(parts, whole, atol=1e-6)


def test_precision_follows_the_features(x, edges):
    exact = HopField(2).bind(x.double(), edges)(torch.arange(60)).x
    assert exact.dtype == torch.float64
    expected = dense_hops(x, edges, 2, "mean")
    assert torch.allclose(exact, expected, atol=1e-14)
    half = HopField(2).bind(x.half(), edges)(torch.arange(60)).x
    assert half.dtype == torch.float16
    # rounded once at the end, not hop by hop
    once = dense_hops(x.half().float(), edges, 2, "mean")
    assert (half.double() - once).abs().max() < 2e-3


def test_a_file_holds_the_same_in_sixteen_bits(x, edges, tmp_path):
    path = tmp_path / "deep" / "hops.f16"
    nodes = torch.arange(60)
    plain = HopField(3).bind(x, edges)(nodes)
    stored = HopField(3, path=path).bind(x, edges)
    assert stored.hops.dtype == torch.float16
    tokens = stored(nodes)
    assert tokens.x.dtype == torch.float32
    # the node itself stays exact
    assert torch.equal(tokens.x[:, 0], x)
    assert torch.equal(tokens.x[:, 1:], plain.x[:, 1:].half().float())
    on_disk = np.memmap(path, np.float16, "r", shape=(60, 3, 10))
    assert np.array_equal(on_disk, stored.hops.numpy())
    assert {entry.name for entry in path.parent.iterdir()} == {
        "hops.f16",
        "hops.f16.json",
    }


def test_a_file_is_used_again_for_the_same_and_nothing_else(x, edges, tmp_path):
    path = tmp_path / "hops"
    first = HopField(2, path=path).bind(x, edges).hops.clone()
    marked = np.memmap(path, np.float16, "r+")
    marked[0] = 77.0
    marked.flush()
    # another order, other chunks: the same graph
    again = HopField(2, chunk_size=3, path=str(path)).bind(x, edges.flip(1))
    assert again.hops[0, 0, 0] == 77.0
    others = [
        (HopField(2, "sym", path=path), x, edges),
        (HopField(3, path=path), x, edges),
        (HopField(2, path=path), x + 1, edges),
        (HopField(2, path=path), x, edges[:, :-20]),
        (HopField(2, path=path), x, edges),
    ]
    for template, features, graph in others:
        bound = template.bind(features, graph)
        expected = HopField(template.num_hops, template.norm).bind(features, graph)
        assert torch.equal(bound.hops, expected.hops.half())
    assert torch.equal(bound.hops, first)
    # what was mapped before stays what it was
    assert again.hops[0, 0, 0] == 77.0


def test_numbers_too_large_for_a_file(x, edges, tmp_path):
    with pytest.raises(EmbeddingError, match=r"does not fit torch.float16; scale"):
        HopField(2, path=tmp_path / "hops").bind(x * 1e6, edges)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EmbeddingError, match="not finite"):
        HopField(2).bind(torch.where(x > 2, torch.nan, x), edges)


def test_an_edge_that_was_bound_is_refused_in_both_directions(tiny):
    bound = HopField(2).bind(torch.eye(6), tiny.edge_index)
    one_way = HopField(2).bind(torch.eye(6), torch.tensor([[4], [1]]))
    bound.pairs(torch.tensor([[0, 3], [5, 1]]))
    with pytest.raises(LeakageError, match=r"nodes 2 and 3 .* message-passing edges"):
        bound.pairs(torch.tensor([[0, 3], [2, 3]]))
    for pair in ([4, 1], [1, 4]):
        with pytest.raises(LeakageError, match="the hop features were made with it"):
            one_way.pairs(torch.tensor([pair]))
    with pytest.raises(LeakageError):
        bound(torch.tensor([0]), exclude=torch.tensor([1]))


def test_the_guard_passes_a_proper_split(sbm, x):
    split = RandomLinkSplit(
        num_val=0.1,
        num_test=0.2,
        is_undirected=True,
        disjoint_train_ratio=0.3,
        add_negative_train_samples=True,
    )
    train, _, test = split(sbm)
    for part in (train, test):
        pairs = part.edge_label_index.t()
        left, right = HopField(2).bind(x, part.edge_index).pairs(pairs)
        assert left.x.shape == right.x.shape == (len(pairs), 3, 10)
    # the whole graph shows the edges to predict
    with pytest.raises(LeakageError):
        HopField(2).bind(x, sbm.edge_index).pairs(test.edge_label_index.t())


def test_no_warning_escapes(x, edges):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HopField(1).bind(x, edges)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu(x, edges, tmp_path):
    nodes = torch.tensor([3, 9])
    here = HopField(3).bind(x, edges)(nodes)
    for path in (None, tmp_path / "hops"):
        there = HopField(3, path=path).bind(x.cuda(), edges.cuda())(nodes)
        assert there.x.is_cuda
        assert there.nodes.is_cuda
        assert torch.allclose(there.x.cpu(), here.x, atol=1e-3 if path else 1e-5)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"norm": "max"}, UnknownNameError, "hop norm 'max'"),
        ({"num_hops": -1}, GraphLLMError, r"'num_hops' must be at least 0 \(got -1\)"),
        ({"chunk_size": -2}, GraphLLMError, "'chunk_size' must be at least 1"),
        ({"num_hops": 2.5}, GraphLLMError, "'num_hops' must be"),
    ],
)
def test_settings_that_are_none(settings, error, message):
    with pytest.raises(error, match=message):
        HopField(**settings)


def test_without_hops_there_is_the_node_alone():
    x = torch.randn(4, 3)
    edges = torch.tensor([[0, 1], [1, 0]])
    tokens = HopField(num_hops=0).bind(x, edges)(torch.tensor([2, 0]))
    assert torch.equal(tokens.x, x[[2, 0]].unsqueeze(1))
    assert tokens.mask.all()
    assert tokens.nodes.tolist() == [[2], [0]]

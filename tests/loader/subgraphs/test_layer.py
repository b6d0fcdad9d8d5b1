import pytest
import torch
from torch_geometric.nn import GCN, GraphConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import remove_self_loops, to_dense_adj

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.loader import LayerSampled
from graphllm.seed import generator

kinds = pytest.mark.parametrize("kind", ["fastgcn", "ladies"])


def column_norms(graph, rows):
    """The probabilities of the papers, from the dense matrix, without self loops."""
    ends, weight = remove_self_loops(graph.edge_index, graph.edge_weight.double())
    edge_index, value = gcn_norm(ends, weight, graph.num_nodes, add_self_loops=True)
    # repeated edges are edges of their own
    squares = to_dense_adj(edge_index, edge_attr=value.square())[0].T
    squares.fill_diagonal_(0.0)
    column = squares[rows].sum(dim=0)
    return column / column.sum()


def below(batch, layer):
    sizes = batch.num_sampled_nodes
    return batch.n_id[sum(sizes[:layer]) : sum(sizes[: layer + 1])]


def one_batch(bound):
    (batch,) = bound.epoch(generator(0))
    return batch


@kinds
def test_nodes_are_included_by_the_norms_of_their_columns(kind, small, every_outcome):
    bound = LayerSampled(kind, (2, 1), 5).bind(small)
    found = torch.zeros(2, 5, dtype=torch.double)
    expected = torch.zeros(5, dtype=torch.double)
    everywhere = column_norms(small, slice(None))
    for chance, batch in every_outcome(lambda: one_batch(bound)):
        for layer in (1, 2):
            found[layer - 1, below(batch, layer)] += chance
        rows = below(batch, 1) if kind == "ladies" else slice(None)
        expected += chance * column_norms(small, rows)
    seeds = small.train_mask
    q = column_norms(small, seeds) if kind == "ladies" else everywhere
    assert torch.allclose(found[0], 1 - (1 - q) ** 2)
    assert torch.allclose(found[1], expected)
    assert kind == "fastgcn" or not torch.allclose(q, everywhere)


def test_ladies_looks_at_the_layer_above(graph):
    """What is below the second layer are neighbours of the first, not of the seeds."""
    bound = LayerSampled("ladies", (3, 4), 2).bind(graph)
    ends = graph.edge_index
    for batch in bound.epoch(generator(0)):
        for layer in (1, 2):
            into = torch.isin(ends[1], below(batch, layer - 1))
            assert torch.isin(below(batch, layer), ends[0, into]).all()


@kinds
@pytest.mark.parametrize("num_nodes", [(1,), (2,), (2, 1), (1, 2)])
def test_linear_networks_with_roots_are_unbiased(
    kind, num_nodes, small, dense, every_outcome
):
    """Seeds that meet again below have samples of their own there: no square terms."""
    expected, full = small.x.double(), dense(small)
    for _ in num_nodes:
        expected = 0.3 * expected + full @ expected
    bound = LayerSampled(kind, num_nodes, 5).bind(small)
    mean, total = torch.zeros(5, 1, dtype=torch.double), 0.0
    for chance, batch in every_outcome(lambda: one_batch(bound)):
        out = batch.x.double()
        source, target = batch.edge_index
        for _ in num_nodes:
            message = batch.edge_weight.double().view(-1, 1) * out[source]
            out = 0.3 * out + torch.zeros_like(out).index_add_(0, target, message)
        mean[batch.n_id[batch.train_mask]] += chance * out[batch.train_mask]
        total += chance
    assert total == pytest.approx(1.0)
    seeds = small.train_mask
    assert torch.allclose(mean[seeds], expected[seeds], rtol=1e-5)


@kinds
def test_edges_weigh_the_inverse_of_their_probability(kind, graph):
    bound = LayerSampled(kind, (1,), 60).bind(graph)
    rows = graph.train_mask if kind == "ladies" else slice(None)
    q = column_norms(graph, rows)
    for seed in range(10):
        (batch,) = bound.epoch(generator(seed))
        (drawn,) = below(batch, 1).tolist()
        source, target = batch.n_id[batch.edge_index]
        expected = graph.edge_weight[batch.e_id].double() / q[drawn]
        loop = source == target
        expected[loop] = graph.edge_weight[batch.e_id[loop]].double()
        torch.testing.assert_close(
            batch.edge_weight.double(), expected, rtol=1e-5, atol=0
        )


@kinds
def test_enough_draws_give_the_output_of_the_whole_graph(kind, graph):
    first, second = GraphConv(4, 8), GraphConv(8, 3)
    weights = (graph.edge_index, graph.edge_weight)
    whole = second(first(graph.x, *weights).relu(), *weights)
    for batch in LayerSampled(kind, (60, 60), 7).bind(graph).epoch(generator(0)):
        weights = (batch.edge_index, batch.edge_weight)
        out = second(first(batch.x, *weights).relu(), *weights)[batch.train_mask]
        expected = whole[batch.n_id[batch.train_mask]]
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)


def test_gcn_sees_whole_degrees_with_a_layer_more(graph):
    # PyG's GCN keeps one of several self loops of a node, and here are copies
    graph.edge_index, graph.edge_weight = remove_self_loops(
        graph.edge_index, graph.edge_weight
    )
    model = GCN(4, 8, 2, 3).eval()
    whole = model(graph.x, graph.edge_index, graph.edge_weight)
    for batch in LayerSampled("ladies", [60] * 3, 9).bind(graph).epoch(generator(0)):
        out = model(batch.x, batch.edge_index, batch.edge_weight)[batch.train_mask]
        expected = whole[batch.n_id[batch.train_mask]]
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)


@kinds
def test_layers_are_one_after_another(kind, graph):
    bound = LayerSampled(kind, (5, 4), 6).bind(graph)
    for batch in bound.epoch(generator(0)):
        sizes = torch.tensor(batch.num_sampled_nodes)
        layer = torch.arange(3).repeat_interleave(sizes)
        source, target = batch.edge_index
        step = layer[source] - layer[target]
        loop = batch.n_id[source] == batch.n_id[target]
        assert ((step == 1) | (loop & (source == target))).all()
        assert batch.train_mask.equal(layer == 0)
        assert sum(batch.num_sampled_edges) == batch.edge_index.size(1)
        for part in (1, 2):
            ids = batch.n_id[layer == part]
            assert ids.equal(ids.unique())


def test_self_loops_keep_their_weight(graph):
    graph.train_mask[:] = torch.arange(60) == 4
    loop = (graph.edge_index[0] == 4) & (graph.edge_index[1] == 4)
    for seed in range(5):
        (batch,) = LayerSampled("ladies", (1,), 1).bind(graph).epoch(generator(seed))
        found = (batch.edge_index[0] == 0) & (batch.edge_index[1] == 0)
        assert batch.edge_weight[found].tolist() == graph.edge_weight[loop].tolist()


def test_wrong_options():
    with pytest.raises(UnknownNameError, match="unknown layer sampler 'lady'"):
        LayerSampled("lady")
    with pytest.raises(GraphLLMError, match="'num_nodes' must list"):
        LayerSampled("ladies", 512)
    with pytest.raises(GraphLLMError, match="'batch_size' must be"):
        LayerSampled("ladies", (3,), 0)

import copy

import pytest
import torch
import torch_geometric.nn as pyg

from graphllm.models.gcn import GCN


def pair(seed=0, **options):
    networks = []
    for kind in (pyg.GCN, GCN):
        torch.manual_seed(seed)
        networks.append(kind(5, 8, 3, 4, **options))
    return networks


@pytest.fixture
def graph(sbm):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=generator)
    weight = torch.rand(sbm.num_edges, generator=generator)
    return x, sbm.edge_index, weight


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm": "batch"},
        {"jk": "cat"},
        {"act": "elu", "act_first": True},
        {"normalize": False},
        {"add_self_loops": False},
        {"improved": True},
        {"flow": "target_to_source"},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_pygs_gcn(graph, options, weighted):
    x, edge_index, weight = graph
    weight = weight if weighted else None
    theirs, ours = pair(**options)
    assert theirs.state_dict().keys() == ours.state_dict().keys()
    outs = [net(x, edge_index, edge_weight=weight) for net in (theirs, ours)]
    torch.testing.assert_close(outs[1], outs[0], atol=1e-5, rtol=1e-5)
    for out in outs:
        (out**2).sum().backward()
    for one, other in zip(theirs.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, atol=1e-4, rtol=1e-4)


def test_weights_get_their_gradient(graph):
    x, edge_index, weight = graph
    grads = []
    for net in pair():
        leaf = weight.clone().requires_grad_()
        net(x, edge_index, edge_weight=leaf).sum().backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(grads[1], grads[0], atol=1e-5, rtol=1e-4)


def test_trimmed_hops_go_pygs_way(graph):
    x, edge_index, _ = graph
    hops = {
        "num_sampled_nodes_per_hop": [60, 0, 0, 0],
        "num_sampled_edges_per_hop": [edge_index.size(1), 0, 0],
    }
    theirs, ours = pair()
    torch.testing.assert_close(
        ours(x, edge_index, **hops), theirs(x, edge_index, **hops)
    )


def test_the_graph_is_normalised_once(graph, monkeypatch):
    from graphllm.models import propagation

    calls = []
    real = propagation.gcn_norm
    monkeypatch.setattr(
        propagation, "gcn_norm", lambda *a, **k: calls.append(1) or real(*a, **k)
    )
    x, edge_index, weight = graph
    ours = pair()[1]
    for _ in range(3):
        ours(x, edge_index)
        ours(x, edge_index, edge_weight=weight)
    assert len(calls) == 2


def test_a_changed_graph_is_another_graph(graph):
    x, edge_index, weight = graph
    theirs, ours = pair()
    ours(x, edge_index, edge_weight=weight)
    weight.mul_(torch.linspace(0.1, 2.0, weight.numel()))
    edge_index[0, :5] = edge_index[0, 5:10]
    expected = theirs(x, edge_index, edge_weight=weight)
    out = ours(x, edge_index, edge_weight=weight)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
    out = ours(x[:60].double().float(), edge_index.clone())
    torch.testing.assert_close(out, theirs(x, edge_index), atol=1e-5, rtol=1e-5)


def test_copies_and_files_carry_no_graph(graph):
    x, edge_index, _ = graph
    ours = pair()[1]
    out = ours(x, edge_index)
    assert ours._known
    other = copy.deepcopy(ours)
    assert not other._known
    assert torch.equal(other(x, edge_index), out)


def test_what_a_sparse_product_cannot_do_goes_pygs_way(graph):
    x, edge_index, _ = graph
    theirs, ours = pair()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(ours(x, edge_index), theirs(x, edge_index))
    stacked = torch.stack([x, 2 * x])
    torch.testing.assert_close(ours(stacked, edge_index), theirs(stacked, edge_index))
    with torch.inference_mode():
        ends = edge_index.clone()
        torch.testing.assert_close(ours(x, ends), theirs(x, ends))

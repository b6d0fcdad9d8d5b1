"""What a MoGSparsifier remembers of a graph, and what it forgets."""

import copy

import pytest
import torch
from torch_geometric.data import Data

from graphllm.sparsify import AddEdgePriors, MoGSparsifier
from graphllm.sparsify.criteria import degree, jaccard
from graphllm.testing import sbm_text_graph


@pytest.fixture
def data():
    x = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
    return Data(x=x, edge_index=sbm_text_graph(60).edge_index)


def make(seed=0, **kwargs):
    torch.manual_seed(seed)
    net = MoGSparsifier(8, **kwargs)
    net.router.weight.data.normal_()
    net.experts.out_weight.data.normal_(std=0.1)
    return net


def kept_of(net, data):
    return net.eval()(data.x, data.edge_index).edge_mask > 0.5


def counting(calls):
    def criterion(edge_index, num_nodes, x=None):
        calls.append(1)
        return degree(edge_index, num_nodes)

    return criterion


def test_priors_are_computed_once_for_the_same_edges(data):
    calls = []
    net = make(criteria=[counting(calls)], mix="vote")
    for training in (True, True, False):
        net.train(training)(data.x, data.edge_index)
    assert len(calls) == 1
    data.edge_index[:, :2] = data.edge_index[:, 2:4]
    net(data.x, data.edge_index)
    assert len(calls) == 2
    net(data.x, data.edge_index.clone())
    assert len(calls) == 3
    assert not any("memory" in key or key == "prior" for key in net.state_dict())
    assert copy.deepcopy(net)._memory._known == []


def test_priors_that_are_given_are_read_as_they_are(data):
    calls = []
    net = make(criteria=[counting(calls), jaccard], mix="vote").eval()
    expected = net(data.x, data.edge_index).edge_mask
    given = AddEdgePriors([degree, jaccard])(data)
    prior = given.edge_prior
    found = net(data.x, data.edge_index, edge_prior=prior).edge_mask
    assert torch.equal(found, expected)
    assert len(calls) == 1
    assert torch.equal(net.sparsify(given).edge_prior, prior[expected > 0.5])
    assert not torch.equal(
        net(data.x, data.edge_index, edge_prior=-prior).edge_mask, expected
    )


def test_mixing_is_done_every_so_many_passes(data):
    net = make(mix="grassmann", mix_interval=3)
    calls, mixer = [], net.mixing.mixer
    net.mixing.mixer = lambda *args: calls.append(1) or mixer(*args)
    for _ in range(7):
        net(data.x, data.edge_index)
    assert len(calls) == 3
    # Evaluation looks at the graph as it is, and does not disturb training.
    kept = kept_of(net, data)
    assert len(calls) == 4
    net.train()(data.x, data.edge_index)
    assert len(calls) == 4
    net(data.x, data.edge_index.clone())
    assert len(calls) == 5
    fresh = make(mix="grassmann")
    assert torch.equal(kept_of(fresh, data), kept)


def test_a_mixing_of_before_is_added_to_the_vote_of_now(data):
    net = make(mix="grassmann", mix_interval=2)
    torch.manual_seed(0)
    first = net(data.x, data.edge_index).edge_mask
    torch.manual_seed(0)
    # The same noise gives the same vote, and with it the same verdict.
    assert torch.equal(net(data.x, data.edge_index).edge_mask, first)


def test_weights_survive_a_round_trip(data):
    net = make()
    other = make(seed=5)
    other.load_state_dict(net.state_dict())
    assert torch.equal(kept_of(other, data), kept_of(net, data))
    net.reset_parameters()
    assert not torch.equal(net.router.weight, other.router.weight)


def test_routing_tells_who_asks_whom(data):
    net = make(k=2).train()
    gates = net.routing(data)
    assert gates.shape == (60, 9)
    assert torch.equal((gates > 0).sum(dim=1), torch.full((60,), 2))
    assert torch.equal(net.routing(data), gates)
    assert net.router.training
    assert not gates.requires_grad

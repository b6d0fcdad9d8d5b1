import math

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.utils import degree

from graphllm.models.pna import AGGREGATORS, PNA, SCALERS


def histogram(graph):
    return torch.bincount(degree(graph.edge_index[1], 6).long())


def test_measuring_equals_being_given_the_degrees(tiny):
    net = PNA(4, 8, 2, 2).eval()
    given = PNA(4, 8, 2, 2, deg=histogram(tiny)).eval()
    theirs = pyg.PNA(
        *(4, 8, 2, 2),
        aggregators=list(AGGREGATORS),
        scalers=list(SCALERS),
        deg=histogram(tiny),
    ).eval()
    x = torch.randn(6, 4)
    out = net(x, tiny.edge_index)
    given.load_state_dict(net.state_dict())
    state = net.state_dict()
    del state["measured"]
    theirs.load_state_dict(state)
    assert torch.allclose(out, given(x, tiny.edge_index))
    assert torch.allclose(out, theirs(x, tiny.edge_index), atol=1e-6)


def test_the_average_degree_by_hand(tiny):
    net = PNA(4, 8, 2, 2)
    net(torch.randn(6, 4), tiny.edge_index)
    # two triangles and a bridge: degrees 2, 2, 3, 3, 2, 2
    expected = (4 * math.log(3) + 2 * math.log(4)) / 6
    for conv in net.convs:
        assert float(conv.aggr_module.avg_deg_log) == pytest.approx(expected)
        assert float(conv.aggr_module.avg_deg_lin) == pytest.approx(14 / 6)


def test_what_was_measured_stays_and_travels_with_the_state(tiny):
    net = PNA(4, 8, 2, 2).eval()
    x = torch.randn(6, 4)
    before = net(x, tiny.edge_index)
    fewer = tiny.edge_index[:, :4]
    net(x, fewer)
    assert torch.equal(net(x, tiny.edge_index), before)
    copy = PNA(4, 8, 2, 2).eval()
    copy.load_state_dict(net.state_dict())
    assert torch.equal(copy(x, fewer), net(x, fewer))
    copy.reset_parameters()
    assert not copy.measured
    given = PNA(4, 8, 2, 2, deg=histogram(tiny))
    given.reset_parameters()
    assert given.measured


def test_a_graph_without_edges_is_not_measured(tiny):
    net = PNA(4, 8, 2, 2).eval()
    x = torch.randn(6, 4)
    assert bool(net(x, tiny.edge_index[:, :0]).isfinite().all())
    assert not net.measured
    net(x, tiny.edge_index)
    assert net.measured


def test_options_reach_the_layers():
    net = PNA(4, 8, 2, 2, aggregators=["mean"], scalers=["identity"], towers=2)
    assert [conv.towers for conv in net.convs] == [2, 2]
    assert net.convs[0].aggr_module.scaler == ["identity"]

import pytest
import torch
import torch_geometric.nn as pyg

from graphllm.errors import UnknownNameError
from graphllm.models import BACKBONES, make_backbone, takes_edge_weight
from graphllm.models.backbones import call_backbone


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_name_builds_and_runs(name, tiny):
    net = make_backbone(name, 4, 8, 2, 2)
    out = call_backbone(net, torch.randn(6, 4), tiny.edge_index, None)
    assert out.shape == (6, 2)


def test_a_class_and_an_instance_work_too(tiny):
    by_class = make_backbone(pyg.EdgeCNN, 4, 8, 2, 2)
    assert isinstance(by_class, pyg.EdgeCNN)
    instance = pyg.GCNConv(4, 2)
    assert make_backbone(instance, 0, 0, 0, 0) is instance


def test_options_reach_the_class():
    assert make_backbone("gat", 4, 8, 2, 2, heads=2).convs[0].heads == 2


def test_unknown_name_lists_the_choices():
    with pytest.raises(UnknownNameError, match=r"'gcnn'.*Did you mean 'gcn'.*sage"):
        make_backbone("gcnn", 4, 8, 2, 2)


def test_which_networks_read_edge_weights():
    reads = {
        name: takes_edge_weight(make_backbone(name, 4, 8, 2, 2)) for name in BACKBONES
    }
    assert reads == {
        "gcn": True,
        "sage": False,
        "gat": False,
        "gin": False,
        "mlp": False,
    }


def test_mlp_does_not_look_at_the_edges(tiny):
    net = make_backbone("mlp", 4, 8, 2, 2).eval()
    x = torch.randn(6, 4)
    empty = torch.empty(2, 0, dtype=torch.long)
    assert torch.equal(
        call_backbone(net, x, tiny.edge_index, None), call_backbone(net, x, empty, None)
    )


def test_weights_for_a_network_that_ignores_them_are_refused(tiny):
    net = make_backbone("sage", 4, 8, 2, 2)
    weight = torch.ones(tiny.num_edges)
    with pytest.raises(ValueError, match="ignores edge weights"):
        call_backbone(net, torch.randn(6, 4), tiny.edge_index, weight)


def test_edge_weights_change_what_a_gcn_computes(tiny):
    net = make_backbone("gcn", 4, 8, 2, 2).eval()
    x = torch.randn(6, 4)
    weight = torch.rand(tiny.num_edges) + 0.1
    plain = call_backbone(net, x, tiny.edge_index, None)
    assert torch.allclose(
        plain, call_backbone(net, x, tiny.edge_index, torch.ones(tiny.num_edges))
    )
    assert not torch.allclose(plain, call_backbone(net, x, tiny.edge_index, weight))

import pytest
import torch
import torch_geometric.nn as pyg

from graphllm.errors import UnknownNameError
from graphllm.models import BACKBONES, make_backbone, takes_edge_weight
from graphllm.models.backbones import call_backbone


def build(name):
    return make_backbone(name, 4, 32, 2, 2)


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
    reads = {name for name in BACKBONES if takes_edge_weight(build(name))}
    assert reads == {"gcn", "resgcn", "gcnii", "jknet", "appnp", "sgc", "sign"}


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


# ------------------------------------------------- what every backbone must do


@pytest.fixture(params=sorted(BACKBONES))
def name(request):
    return request.param


@pytest.fixture
def x():
    return torch.randn(6, 4)


def test_a_class_score_for_every_node_at_every_depth(name, x, tiny):
    for num_layers in (1, 2, 5):
        net = make_backbone(name, 4, 8, 3, num_layers, dropout=0.5)
        out = call_backbone(net, x, tiny.edge_index, None)
        assert out.shape == (6, 3)
        assert bool(out.isfinite().all())


def test_permuting_the_nodes_permutes_the_output(name, x, tiny):
    net = build(name).eval()
    out = call_backbone(net, x, tiny.edge_index, None)
    order = torch.tensor([3, 5, 1, 0, 4, 2])
    edge_index = order.argsort()[tiny.edge_index].flip(1)
    moved = call_backbone(net, x[order], edge_index, None)
    assert torch.allclose(out[order], moved, atol=1e-5)


def test_the_edges_count_and_weights_do_where_they_are_read(name, x, tiny):
    net = build(name).eval()
    plain = call_backbone(net, x, tiny.edge_index, None)
    fewer = call_backbone(net, x, tiny.edge_index[:, 2:], None)
    assert torch.allclose(plain, fewer) == (name == "mlp")
    if not takes_edge_weight(net):
        return
    ones = torch.ones(tiny.num_edges)
    assert torch.allclose(plain, call_backbone(net, x, tiny.edge_index, ones))
    doubled = ones.clone()
    doubled[0] = 2
    out = call_backbone(net, x, tiny.edge_index, doubled)
    assert not torch.allclose(plain, out)
    # a weight of zero is an edge that is not there
    zero = torch.cat([torch.zeros(2), ones[2:]])
    assert torch.allclose(
        fewer, call_backbone(net, x, tiny.edge_index, zero), atol=1e-6
    )


def test_weights_are_refused_or_have_an_effect(name, x, tiny):
    net = build(name)
    if not takes_edge_weight(net) and name != "mlp":
        with pytest.raises(ValueError, match="ignores edge weights"):
            call_backbone(net, x, tiny.edge_index, torch.ones(tiny.num_edges))


def test_the_state_makes_another_one_the_same(name, x, tiny):
    net, other = build(name), build(name)
    call_backbone(net, x, tiny.edge_index, None)
    expected = call_backbone(net.eval(), x, tiny.edge_index, None)
    other.load_state_dict(net.state_dict())
    out = call_backbone(other.eval(), x, tiny.edge_index, None)
    assert torch.equal(out, expected)
    other.reset_parameters()
    assert not torch.equal(call_backbone(other, x, tiny.edge_index, None), expected)


def test_isolated_nodes_and_an_empty_graph(name, tiny):
    net = build(name).eval()
    x = torch.randn(8, 4)
    out = call_backbone(net, x, tiny.edge_index, None)
    assert out.shape == (8, 2)
    assert bool(out.isfinite().all())
    # nothing reaches an isolated node, and nothing leaves it
    changed = x.clone()
    changed[6] += 1
    again = call_backbone(net, changed, tiny.edge_index, None)
    assert torch.allclose(out[[0, 1, 2, 3, 4, 5, 7]], again[[0, 1, 2, 3, 4, 5, 7]])
    assert not torch.allclose(out[6], again[6])
    alone = call_backbone(net, x, tiny.edge_index[:, :0], None)
    assert bool(alone.isfinite().all())


def test_a_gradient_step_lowers_the_loss(name, x, tiny):
    net = build(name)

    def loss():
        out = call_backbone(net, x, tiny.edge_index, None)
        return torch.nn.functional.cross_entropy(out, tiny.y)

    before = loss()
    before.backward()
    assert all(p.grad is not None for p in net.parameters())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 1e-2 * parameter.grad
    assert loss().item() < before.item()


def test_the_default_size_of_the_output(name):
    classes = BACKBONES[name]
    if name != "mlp":
        assert classes(4, 8, 2).out_channels == 8

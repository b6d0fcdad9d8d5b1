import pytest
import torch
import torch_geometric.nn as pyg

from graphllm.experiments.ladling.dropout import Draws, seed_dropout
from graphllm.experiments.ladling.first_layer import first_layers
from graphllm.experiments.ladling.stacked import Stack, arranged, is_stackable
from graphllm.models import make_backbone
from graphllm.models.propagation import NARROW
from graphllm.models.sign import SIGN

NAMES = ["gcn", "sage", "gcnii", "jknet", "resgcn", "sgc"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", [None, "batch_norm"])
@pytest.mark.parametrize("hidden", [5, NARROW])
def test_a_stack_computes_what_its_networks_compute(graph, name, norm, hidden):
    models = [make_backbone(name, 12, hidden, 3, 3, norm=norm) for _ in range(3)]
    states = [model.state_dict() for model in models]
    host = make_backbone(name, 12, hidden, 3, 3, norm=norm)
    stack = Stack(host, states, Draws([0, 1, 2]))
    for training in (True, False):
        host.train(training)
        out = stack(graph.x, graph.edge_index)
        for row, model in zip(out, models, strict=True):
            expected = model.train(training)(graph.x, graph.edge_index)
            assert torch.allclose(row, expected, atol=1e-5)
    # BatchNorm kept the statistics of each.
    for row, model in enumerate(models):
        for key, tensor in model.state_dict().items():
            assert torch.allclose(stack.state(row)[key], tensor, atol=1e-5), key


@pytest.mark.parametrize("hidden", [5, NARROW])
@pytest.mark.parametrize("name", NAMES)
def test_with_dropout_each_has_its_own_gradient(graph, name, hidden):
    def make():
        return make_backbone(name, 12, hidden, 3, 2, dropout=0.5)

    seeds = [4, 9]
    host = seed_dropout(make(), Draws([0]))
    states = [make().state_dict() for _ in seeds]
    draws = Draws(seeds)
    wide = seed_dropout(make(), draws)
    stack = Stack(wide, states, draws)
    for tensor in stack.parameters.values():
        tensor.requires_grad_()
    draws.start(1)
    stack(graph.x, graph.edge_index).square().sum().backward()
    for row, (seed, state) in enumerate(zip(seeds, states, strict=True)):
        host.load_state_dict(state)
        host.zero_grad()
        alone = Draws([seed])
        for module in host.modules():
            if hasattr(module, "draws"):
                module.draws = alone
        alone.start(1)
        host(graph.x, graph.edge_index).square().sum().backward()
        for key, parameter in host.named_parameters():
            got = stack.parameters[key].grad[row]
            assert torch.allclose(got, parameter.grad, atol=1e-3), key


def test_what_can_be_stacked():
    for name in NAMES:
        assert is_stackable(make_backbone(name, 4, 4, 3, 2))
    for name in ("gat", "gin", "mlp", "appnp", "pna"):
        assert not is_stackable(make_backbone(name, 4, 4, 3, 2))
    assert not is_stackable(pyg.GraphSAGE(4, 4, 2, 3, aggr="max"))
    assert not is_stackable(pyg.GraphSAGE(4, 4, 2, 3, jk="lstm"))
    assert not is_stackable(torch.nn.Linear(2, 2))


def test_matrices_lie_side_by_side():
    stacked = torch.randn(3, 4, 5)
    out = arranged(stacked)
    assert torch.equal(out, stacked)
    assert out.permute(2, 0, 1).is_contiguous()
    turns = torch.randn(3, NARROW, 5)
    assert torch.equal(arranged(turns), turns)
    assert arranged(turns).transpose(1, 2).is_contiguous()
    assert arranged(stacked[0]).is_contiguous()


def test_sign_is_stacked_too(graph):
    models = [SIGN(12, 5, 2, 3, norm="batch_norm").eval() for _ in range(2)]
    host = SIGN(12, 5, 2, 3, norm="batch_norm").eval()
    assert is_stackable(host)
    stack = Stack(host, [model.state_dict() for model in models], Draws([0, 1]))
    out = stack(graph.x, graph.edge_index)
    for row, model in zip(out, models, strict=True):
        assert torch.allclose(row, model(graph.x, graph.edge_index), atol=1e-5)
    inputs = (graph.x, graph.edge_index)
    found = first_layers(host, inputs, models[0].state_dict())
    assert found == ["lins.0", "lins.1", "lins.2"]

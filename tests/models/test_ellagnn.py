from typing import get_args

import pytest
import torch
import torch_geometric.nn as pyg

from graphllm import ELLaGNN
from graphllm.errors import UnknownNameError
from graphllm.models import BACKBONES
from graphllm.models.fusion import Fusion

NAMES = sorted(BACKBONES)
FUSIONS = get_args(Fusion)


@pytest.fixture
def graph(tiny):
    tiny.x = torch.randn(6, 4)
    tiny.llm_mask = torch.tensor([1, 0, 0, 1, 0, 0]).bool()
    tiny.x_llm = torch.randn(2, 4)
    return tiny


# Guard 7: without x_llm nothing of it is left.
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_llm_free_is_bit_identical_to_the_bare_backbone(name, fusion, graph):
    model = ELLaGNN(name, 4, 8, 2, fusion=fusion, dropout=0.5).eval()
    # having read enhanced features leaves no trace
    model(graph.x, graph.edge_index, x_llm=graph.x_llm, llm_mask=graph.llm_mask)
    free = model(graph.x, graph.edge_index)
    torch.manual_seed(0)
    never = ELLaGNN(name, 4, 8, 2, fusion=fusion, dropout=0.5).eval()
    never.load_state_dict(model.state_dict())
    assert torch.equal(free, never(graph.x, graph.edge_index))
    if name == "mlp":
        assert torch.equal(free, model.backbone(graph.x))
    else:
        assert torch.equal(free, model.backbone(graph.x, graph.edge_index))


@pytest.mark.parametrize("name", NAMES)
def test_enhanced_features_change_the_output(name, graph):
    model = ELLaGNN(name, 4, 8, 2, fusion="replace").eval()
    plain = model(graph.x, graph.edge_index)
    out = model(graph.x, graph.edge_index, x_llm=graph.x_llm, llm_mask=graph.llm_mask)
    assert not torch.allclose(plain, out)


@pytest.mark.parametrize("name", NAMES)
def test_the_backbone_starts_the_same_whatever_the_fusion(name):
    states = []
    for fusion in FUSIONS:
        torch.manual_seed(7)
        states.append(ELLaGNN(name, 4, 8, 2, fusion=fusion).backbone.state_dict())
    torch.manual_seed(7)
    bare = BACKBONES[name](
        in_channels=4,
        hidden_channels=8,
        out_channels=2,
        num_layers=2,
        **({"norm": None} if name == "mlp" else {}),
    ).state_dict()
    for state in states:
        assert state.keys() == bare.keys()
        assert all(torch.equal(state[key], bare[key]) for key in bare)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_views_reach_the_output_in_every_fusion(fusion, graph):
    model = ELLaGNN("gcn", 4, 8, 2, fusion=fusion).eval()
    views = torch.randn(2, 3, 4)
    valid = torch.tensor([[True, False, True], [True, True, False]])
    inputs = (graph.x, graph.edge_index, None, views, graph.llm_mask)
    out = model(*inputs, view_mask=valid)
    assert out.shape == (6, 2)
    assert not torch.allclose(out, model(graph.x, graph.edge_index))
    views[0, 1] = views[1, 2] = torch.nan  # not there: must not matter
    assert torch.equal(out, model(*inputs, valid))
    views[0, 0] += 1
    assert not torch.allclose(out, model(*inputs, valid))


@pytest.mark.parametrize("fusion", ["gate", "attention"])
def test_learned_fusion_trains_and_is_saved_with_the_network(fusion, graph):
    model = ELLaGNN("gcn", 4, 8, 2, fusion=fusion)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    start = {key: value.clone() for key, value in model.fuser.state_dict().items()}
    inputs = (graph.x, graph.edge_index, None, graph.x_llm, graph.llm_mask)
    for _ in range(2):  # attention: first the query, then what it looks at
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(*inputs), graph.y).backward()
        optimizer.step()
    trained = model.fuser.state_dict()
    assert all(not torch.equal(start[key], trained[key]) for key in start)
    other = ELLaGNN("gcn", 4, 8, 2, fusion=fusion)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(*inputs), other.eval()(*inputs))
    other.reset_parameters()
    assert not torch.allclose(model(*inputs), other(*inputs))


def test_replace_equals_feeding_the_replaced_features(graph):
    model = ELLaGNN("gcn", 4, 8, 2, fusion="replace").eval()
    x = graph.x.clone()
    x[graph.llm_mask] = graph.x_llm
    out = model(graph.x, graph.edge_index, x_llm=graph.x_llm, llm_mask=graph.llm_mask)
    assert torch.equal(out, model.backbone(x, graph.edge_index))


def test_permuting_the_nodes_permutes_the_output(graph):
    model = ELLaGNN("sage", 4, 8, 2, fusion="mix").eval()
    out = model(graph.x, graph.edge_index, x_llm=graph.x_llm, llm_mask=graph.llm_mask)
    order = torch.tensor([3, 5, 1, 0, 4, 2])
    inverse = order.argsort()
    dense = torch.zeros(6, 4)
    dense[graph.llm_mask] = graph.x_llm
    mask = graph.llm_mask[order]
    moved = model(
        graph.x[order],
        inverse[graph.edge_index],
        x_llm=dense[order][mask],
        llm_mask=mask,
    )
    assert torch.allclose(out[order], moved, atol=1e-6)


def test_gradients_reach_the_backbone(graph):
    model = ELLaGNN("gcn", 4, 8, 2)
    out = model(graph.x, graph.edge_index, None, graph.x_llm, graph.llm_mask)
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("fusion", ["random_view", "replace", "mix", "multi"])
def test_no_parameters_of_its_own(fusion):
    model = ELLaGNN("gcn", 4, 8, 2, fusion=fusion)
    assert model.fuser is None
    bare = pyg.GCN(4, 8, 2, 2)
    assert sum(p.numel() for p in model.parameters()) == sum(
        p.numel() for p in bare.parameters()
    )


def test_reset_and_repr():
    model = ELLaGNN("gcn", 4, 8, 2, fusion="mix", mix=0.25)
    before = model.backbone.convs[0].lin.weight.clone()
    model.reset_parameters()
    assert not torch.equal(before, model.backbone.convs[0].lin.weight)
    assert repr(model) == "ELLaGNN(GCN(4, 2, num_layers=2), fusion=mix, mix=0.25)"


def test_a_ready_made_module_needs_no_sizes(graph):
    model = ELLaGNN(pyg.SGConv(4, 2, K=2)).eval()
    assert model(graph.x, graph.edge_index).shape == (6, 2)


def test_clear_errors(graph):
    with pytest.raises(UnknownNameError, match="fusion 'concat'"):
        ELLaGNN("gcn", 4, 8, 2, fusion="concat")
    with pytest.raises(ValueError, match=r"'mix' must be in \[0, 1\] \(got 2\)"):
        ELLaGNN("gcn", 4, 8, 2, fusion="mix", mix=2)
    with pytest.raises(
        ValueError, match="'out_channels' must be the number of classes"
    ):
        ELLaGNN("gcn", 4)
    with pytest.raises(ValueError, match=r"fusion 'gate' .* needs 'in_channels'"):
        ELLaGNN(pyg.SGConv(4, 2), fusion="gate")
    with pytest.raises(ValueError, match="needs 'llm_mask'"):
        ELLaGNN("gcn", 4, 8, 2)(graph.x, graph.edge_index, x_llm=graph.x_llm)

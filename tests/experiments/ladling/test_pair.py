import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphllm.experiments.ladling.pair import Pair, is_pair
from graphllm.models import make_backbone
from graphllm.models.gcn import GCN
from graphllm.soup import average, recalibrate_batchnorm


@pytest.mark.parametrize("kind", [GCN, pyg.GraphSAGE])
@pytest.mark.parametrize("norm", [None, "batch_norm"])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"act": None}])
def test_mixtures_have_the_output_of_the_whole_network(graph, kind, norm, options):
    def make():
        model = kind(12, 8, 2, 3, norm=norm, dropout=0.5, **options).eval()
        for parameter in model.norms.parameters():
            nn.init.normal_(parameter)
        return model

    model, states = make(), [make().state_dict() for _ in range(3)]
    assert is_pair(model)
    rows = torch.tensor([0, 3, 50, 89])
    pair = Pair(model, graph, rows, states)
    shares = torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0], [0.6, 0.0, 0.4]])
    mixtures = [average(states, each) for each in shares]
    stack = {n: torch.stack([m[n] for m in mixtures]) for n in mixtures[0]}
    out = pair(shares, stack)
    for row, mixture in zip(out, mixtures, strict=True):
        model.load_state_dict(mixture)
        recalibrate_batchnorm(model, lambda m: m(graph.x, graph.edge_index))
        expected = model(graph.x, graph.edge_index)[rows]
        assert torch.allclose(row, expected, atol=1e-4)


def test_messages_without_a_root(graph):
    model = pyg.GraphSAGE(12, 8, 2, 3, root_weight=False).eval()
    rows = torch.tensor([4, 7])
    out = Pair(model, graph, rows, [model.state_dict()])(
        torch.ones(1, 1), {n: t.unsqueeze(0) for n, t in model.state_dict().items()}
    )
    expected = model(graph.x, graph.edge_index)[rows]
    assert torch.allclose(out[0], expected, atol=1e-5)


def test_what_is_no_pair():
    for name in ("gcn", "sage"):
        assert not is_pair(make_backbone(name, 4, 4, 3, 3))
    for name in ("gat", "resgcn", "jknet", "sgc"):
        assert not is_pair(make_backbone(name, 4, 4, 3, 2))
    for options in (
        {"norm": "layer_norm"},
        {"norm": "pair_norm"},
        {"jk": "cat"},
        {"act": nn.PReLU()},
        {"act_first": True},
        {"normalize": False},
    ):
        assert not is_pair(GCN(4, 4, 2, 3, **options)), options

import pytest
import torch
from torch import nn
from torch_geometric.nn import GIN

from graphllm.errors import UnknownNameError
from graphllm.experiments.mog import graph_training as module
from graphllm.experiments.mog.graph_sets import GraphSet
from graphllm.experiments.mog.graph_training import CRITERIA, GraphTraining
from graphllm.models.pna import PNA
from graphllm.sparsify.mog import MoG

TOY = GraphSet(
    "toy", [], 3, "none", lambda out, y: 0.0, lambda size: nn.Linear(2, size)
)


def build(*args, **kwargs):
    torch.manual_seed(0)
    return GraphTraining(hidden_channels=8, **kwargs).model(TOY, *args)


@pytest.mark.parametrize(("name", "kind"), [("gin", GIN), ("pna", PNA)])
def test_every_arm_starts_from_the_same_network(name, kind):
    dense, thin = build(backbone=name), build(0.4, backbone=name)
    assert isinstance(dense.gnn, kind)
    assert isinstance(thin.gnn, MoG)
    pairs = (
        (dense.gnn, thin.gnn.gnn),
        (dense.encoder, thin.encoder),
        (dense.head, thin.head),
    )
    for one, other in pairs:
        torch.testing.assert_close(one.state_dict(), other.state_dict())


def test_experts_stand_around_the_sparsity(monkeypatch):
    seen = []

    def spy(*args, **kwargs):
        seen.append((args, kwargs))
        return MoG(*args, **kwargs)

    monkeypatch.setattr(module, "MoG", spy)
    sparsifier = build(0.4, "gated_mean", 3).gnn.sparsifier
    assert sparsifier.experts.sparsities == pytest.approx((0.32, 0.4, 0.48))
    ((_, criteria, _, k), named) = seen[0]
    assert (criteria, k) == (CRITERIA, 3)
    assert named == {"in_channels": 8, "sparsity": 0.4, "mix": "gated_mean"}


def test_an_exact_resistance_tells_bridges_from_rings():
    ends = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 3]])
    edge_index = torch.cat([ends, ends.flip(0)], dim=1)
    score = CRITERIA[2](edge_index, 4, None)
    expected = torch.tensor([2 / 3, 2 / 3, 2 / 3, 1.0]).repeat(2)
    torch.testing.assert_close(score, expected)


def test_other_networks_are_refused():
    with pytest.raises(UnknownNameError, match="unknown backbone 'mlp'"):
        build(backbone="mlp")

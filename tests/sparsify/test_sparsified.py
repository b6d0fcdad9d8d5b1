from copy import deepcopy

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.models import make_backbone
from graphllm.sparsify import SparsifiedGNN, Sparsifier, SparsifyOutput

NUM_NODES, CHANNELS = 12, 5


class Scored(Sparsifier):
    """Keeps the better half by a linear score of the source."""

    def __init__(self):
        super().__init__()
        self.score = nn.Linear(CHANNELS, 1)

    def forward(self, x, edge_index, *, edge_prior=None, edge_weight=None, batch=None):
        self.seen = edge_prior, edge_weight, batch
        soft = self.score(x).view(-1)[edge_index[0]].sigmoid()
        hard = (soft > soft.median()).float()
        loops = edge_index[0] == edge_index[1]
        mask = (hard + (soft - soft.detach())).masked_fill(loops, 1.0)
        return SparsifyOutput(mask, 0.1 * soft.mean())


class KeepsAll(Scored):
    def forward(self, x, edge_index, **kwargs):
        ones = torch.ones(edge_index.size(1))
        return SparsifyOutput(ones, ones.new_zeros(()))


class Pooled(nn.Module):
    """Graph-level: needs the batch."""

    def __init__(self):
        super().__init__()
        self.conv = pyg.GINEConv(nn.Linear(CHANNELS, CHANNELS), edge_dim=2)

    def forward(self, x, edge_index, batch, edge_attr=None):
        return pyg.global_mean_pool(self.conv(x, edge_index, edge_attr), batch)


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    edge_index = torch.randint(NUM_NODES, (2, 41), generator=generator)
    return Data(x=torch.randn(NUM_NODES, CHANNELS), edge_index=edge_index)


def make(gnn, sparsifier=Scored):
    torch.manual_seed(0)
    gnn = make_backbone(gnn, CHANNELS, 8, 3, 2) if isinstance(gnn, str) else gnn
    return SparsifiedGNN(gnn, sparsifier())


@pytest.mark.parametrize("name", ["gcn", "sage", "gat", "gin", "appnp", "resgcn"])
def test_training_and_evaluation_agree(name, data):
    model = make(name)
    training = model(data.x, data.edge_index)
    share = model.kept
    assert training.requires_grad
    model.eval()
    evaluation = model(data.x, data.edge_index)
    torch.testing.assert_close(training, evaluation, rtol=1e-5, atol=1e-5)
    sparse = model.sparsify(data)
    torch.testing.assert_close(model.gnn(data.x, sparse.edge_index), evaluation)
    assert model.kept == share == pytest.approx(sparse.num_edges / data.num_edges)
    assert 0.3 < share < 0.7


def test_the_loss_reaches_network_and_sparsifier(data):
    model = make("sage")
    (model(data.x, data.edge_index).sum() + model.aux_loss).backward()
    assert model.aux_loss.item() > 0
    for parameter in model.parameters():
        assert parameter.grad.abs().sum() > 0


def test_what_belongs_to_edges_is_cut_along(data):
    weight, attr = torch.rand(41), torch.rand(41, 2)
    model = make(Pooled())
    batch = torch.arange(NUM_NODES) // 6
    outputs = []
    for model.training in (True, False):
        out = model(data.x, data.edge_index, edge_attr=attr, batch=batch)
        outputs.append(out)
    torch.testing.assert_close(*outputs)
    assert model.sparsifier.seen == (None, None, batch)
    model = make("gcn")
    prior = torch.rand(41, 3)
    outputs = []
    for model.training in (True, False):
        out = model(
            data.x, data.edge_index, edge_weight=weight, edge_prior=prior, batch=batch
        )
        outputs.append(out)
    torch.testing.assert_close(*outputs)
    seen = model.sparsifier.seen
    assert seen[0] is prior
    assert seen[1] is weight
    unweighted = model(data.x, data.edge_index)
    assert not torch.allclose(unweighted, outputs[0], atol=1e-3)


def test_norms_that_ask_for_it_get_the_batch(data):
    batch = torch.arange(NUM_NODES) // 6
    inside = batch[data.edge_index[0]] == batch[data.edge_index[1]]
    edge_index = data.edge_index[:, inside]
    torch.manual_seed(0)
    gnn = make_backbone("gcn", CHANNELS, 8, 3, 2, norm="graph_norm")
    model = make(gnn, KeepsAll).eval()
    together = model(data.x, edge_index, batch=batch)
    first = edge_index[:, (edge_index < 6).all(dim=0)]
    torch.testing.assert_close(together[:6], model(data.x[:6], first))
    assert not torch.allclose(model(data.x, edge_index)[:6], together[:6], atol=1e-3)


def test_hops_are_counted_anew():
    edge_index = torch.tensor([[1, 2, 3, 4, 5, 3], [0, 0, 1, 1, 2, 2]])
    model = make(pyg.GCN(CHANNELS, 4, 2))
    x = torch.randn(6, CHANNELS)
    nodes = {"num_sampled_nodes_per_hop": [1, 2, 3]}
    hops = [2, 4]
    training = model(x, edge_index, num_sampled_edges_per_hop=hops, **nodes)
    assert model.kept < 1
    model.eval()
    evaluation = model(x, edge_index, num_sampled_edges_per_hop=hops, **nodes)
    assert hops == [2, 4]
    torch.testing.assert_close(training, evaluation)


def test_a_whole_graph_is_passed_on_as_it_is(data):
    model = make("gcn", KeepsAll).eval()
    given = []
    model.gnn.register_forward_pre_hook(lambda gnn, args: given.append(args[1]))
    model(data.x, data.edge_index)
    assert given[0] is data.edge_index
    assert model.kept == 1.0


def test_without_edges_and_without_layers(data):
    model = make("mlp")
    expected = model.gnn(data.x)
    for model.training in (True, False):
        assert torch.equal(model(data.x, data.edge_index), expected)
        model(data.x, data.edge_index[:, :0])
        assert model.kept == 1.0


def test_copies_leave_the_last_pass_behind(data):
    model = make("sage")
    model(data.x, data.edge_index)
    assert model.aux_loss.requires_grad
    copied = deepcopy(model)
    assert copied.aux_loss.item() == 0
    torch.testing.assert_close(
        copied(data.x, data.edge_index), model(data.x, data.edge_index)
    )


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("sage", {"edge_weight": torch.ones(41)}),
        ("gcn", {"edge_attr": torch.ones(41, 2)}),
        ("mlp", {"edge_weight": torch.ones(41)}),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_ignored(name, given, training, data):
    model = make(name).train(training)
    with pytest.raises(TextGraphError, match=f"ignores '{next(iter(given))}'"):
        model(data.x, data.edge_index, **given)

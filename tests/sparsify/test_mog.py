import copy

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric.data import Batch, Data

import graphllm
from graphllm.errors import GraphLLMError
from graphllm.loader import NeighborLoader
from graphllm.models import BACKBONES, ELLaGNN, make_backbone
from graphllm.sparsify import AddEdgePriors, MoG
from graphllm.sparsify.criteria import degree, jaccard
from graphllm.testing import sbm_text_graph


def graph(num_nodes=60, seed=0):
    data = sbm_text_graph(num_nodes, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_nodes, 8, generator=generator)
    return Data(x=x, edge_index=data.edge_index, y=data.y)


def make(gnn=None, **kwargs):
    torch.manual_seed(0)
    return MoG(gnn or pyg.GraphSAGE(8, 16, 2, 3), **{"mix": "vote", **kwargs})


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"mlp"}))
def test_every_backbone(name):
    data = graph()
    torch.manual_seed(0)
    gnn = make_backbone(name, 8, 16, 3, 2)
    model = make(gnn, sparsity=0.3)
    out = model(data.x, data.edge_index)
    assert float(model.aux_loss.detach()) > 0
    (F.cross_entropy(out, data.y) + model.aux_loss).backward()
    for parameter in model.sparsifier.parameters():
        assert bool(parameter.grad.isfinite().all())
        assert float(parameter.grad.abs().sum()) > 0
    model.eval()
    smaller = model.sparsify(data)
    assert smaller.num_edges == round(0.7 * data.num_edges)
    torch.testing.assert_close(
        model(data.x, data.edge_index), gnn(data.x, smaller.edge_index)
    )
    assert model.kept == pytest.approx(0.7, abs=1e-3)


def test_training_and_evaluation_see_the_same_pruned_graph():
    data = graph()
    model = make(sparsity=0.3, k=9)  # all experts: no noise decides who is asked
    model.sparsifier.router.noise_weight.data.fill_(-100.0)
    model.sparsifier.router.noise_eps = 0.0
    data.x = data.x.abs() + 1.0
    trained = model(data.x, data.edge_index)
    evaluated = model.eval()(data.x, data.edge_index)
    torch.testing.assert_close(trained, evaluated, atol=1e-5, rtol=1e-5)


def test_around_and_inside_of_ellagnn():
    data = graph()
    model = make(ELLaGNN("gcn", 8, 16, 3), in_channels=8)
    x_llm, mask = data.x[:10] + 1.0, torch.arange(60) < 10
    out = model(data.x, data.edge_index, x_llm=x_llm, llm_mask=mask)
    assert out.shape == (60, 3)
    torch.manual_seed(0)
    inside = ELLaGNN(make(sparsity=0.3), 8, 16, 3).eval()
    assert inside(data.x, data.edge_index).shape == (60, 3)
    assert inside.backbone.kept == pytest.approx(0.7, abs=1e-3)


def test_sampled_neighbourhoods_carry_the_priors():
    data = AddEdgePriors([degree, jaccard])(graph())
    model = make(criteria=[degree, jaccard])
    loader = NeighborLoader(data, [4, 4], batch_size=20, seed=0)
    for batch in loader:
        assert torch.equal(batch.edge_prior, data.edge_prior[batch.e_id])
        out = model(batch.x, batch.edge_index, edge_prior=batch.edge_prior)
        loss = F.cross_entropy(out[:20], batch.y[:20]) + model.aux_loss
        loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters())
    smaller = model.sparsify(batch)
    assert smaller.num_edges < batch.num_edges
    assert smaller.edge_prior.size(0) == smaller.num_edges


def test_parts_of_a_graph_carry_the_priors():
    data = AddEdgePriors([degree, jaccard])(graph())
    part = data.subgraph(torch.arange(30))  # as cluster loaders cut them out
    model = make(criteria=[degree, jaccard], sparsity=0.3)
    model(part.x, part.edge_index, edge_prior=part.edge_prior).sum().backward()
    assert model.sparsify(part).num_edges == round(0.7 * part.num_edges)


class GraphNet(nn.Module):
    """A graph-level network: one class for each graph of a batch."""

    in_channels = 8

    def __init__(self):
        super().__init__()
        self.gnn = pyg.GIN(8, 16, 2)
        self.head = nn.Linear(16, 2)

    def forward(self, x, edge_index, batch=None):
        return self.head(pyg.global_mean_pool(self.gnn(x, edge_index), batch))


def test_graph_level_networks():
    batch = Batch.from_data_list([graph(20), graph(30), graph(40)])
    model = make(GraphNet())
    out = model(batch.x, batch.edge_index, batch=batch.batch)
    assert out.shape == (3, 2)
    (out.square().sum() + model.aux_loss).backward()
    assert float(model.sparsifier.router.weight.grad.abs().sum()) > 0
    model.eval()
    together = model(batch.x, batch.edge_index, batch=batch.batch)
    for number, alone in enumerate([graph(20), graph(30), graph(40)]):
        zeros = torch.zeros(alone.num_nodes, dtype=torch.long)
        out = model(alone.x, alone.edge_index, batch=zeros)
        torch.testing.assert_close(out[0], together[number], atol=1e-5, rtol=1e-5)


def noisy_blocks(seed=0):
    """Two communities, 30 % of the edges between them, features that tell them apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(200) % 2
    pairs = torch.randint(0, 200, (2, 6000), generator=generator)
    pairs = pairs[:, pairs[0] < pairs[1]].unique(dim=1)
    inside = y[pairs[0]] == y[pairs[1]]
    pick = torch.randperm(pairs.size(1), generator=generator)
    inner, outer = pick[inside[pick]][:560], pick[~inside[pick]][:240]
    pairs = pairs[:, torch.cat([inner, outer])]
    edge_index = torch.cat([pairs, pairs.flip(0)], dim=1)
    x = torch.randn(200, 16, generator=generator)
    x[:, 0] += 3.0 * (2 * y - 1)
    return Data(x=x, edge_index=edge_index, y=y)


@pytest.mark.parametrize("mix", ["vote", "grassmann"])
def test_planted_noise_is_removed_first(mix):
    data = noisy_blocks()
    torch.manual_seed(0)
    gnn = pyg.GraphSAGE(16, 16, 2, 2, aggr="mean")
    model = make(gnn, mix=mix, sparsity=0.3, mix_interval=5)
    source, target = data.edge_index
    between = data.y[source] != data.y[target]

    def removed():
        keep = torch.zeros(data.num_edges, dtype=torch.bool)
        keep[model.sparsify(data).e_id] = True
        return [float((~keep[part]).float().mean()) for part in (between, ~between)]

    before = removed()
    assert abs(before[0] - before[1]) < 0.15  # it has learned nothing yet
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        out = model.train()(data.x, data.edge_index)
        (F.cross_entropy(out, data.y) + model.aux_loss).backward()
        optimizer.step()
    after = removed()
    assert after[0] > after[1] + 0.2


def test_temperature_and_routing():
    data, model = graph(), make(temperature=0.7)
    assert model.temperature == 0.7
    model.temperature = 0.2
    assert model.sparsifier.temperature == 0.2
    assert torch.equal(model.routing(data), model.sparsifier.routing(data))


def test_copies_and_state():
    data, model = graph(), make()
    model(data.x, data.edge_index)
    other = copy.deepcopy(model)
    model.eval()
    other.eval()
    out = model(data.x, data.edge_index)
    assert torch.equal(other(data.x, data.edge_index), out)
    fresh = MoG(pyg.GraphSAGE(8, 16, 2, 3), mix="vote").eval()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(data.x, data.edge_index), out)


def test_it_is_a_name_of_the_package():
    assert graphllm.MoG is MoG


def test_networks_that_do_not_tell_their_size():
    gnn = pyg.Sequential("x, edge_index", [(pyg.GCNConv(8, 3), "x, edge_index -> x")])
    with pytest.raises(GraphLLMError, match="'in_channels' must be the size"):
        MoG(gnn)
    with pytest.raises(GraphLLMError, match=r"\(got -1\)"):
        MoG(pyg.GraphSAGE(-1, 16, 2, 3))
    assert MoG(gnn, in_channels=8).sparsifier.in_channels == 8

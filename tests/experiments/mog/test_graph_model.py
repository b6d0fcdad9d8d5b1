import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GIN

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.experiments.mog.graph_model import GraphClassifier
from graphllm.sparsify.mog import MoG
from graphllm.testing import sbm_text_graph


def small_graphs(count=4):
    graphs = []
    for i in range(count):
        edge_index = sbm_text_graph(8, 0.9, 0.2, seed=i).edge_index
        x = torch.arange(8).view(-1, 1) + i
        graphs.append(Data(x=x, edge_index=edge_index, y=torch.tensor([i % 2])))
    return graphs


class Embedding(nn.Embedding):
    """Reads a column of numbers, as OGB's encoder reads its table."""

    def forward(self, x):
        return super().forward(x.view(-1))


def classifier(thin=True, pooling="mean"):
    torch.manual_seed(0)
    gnn = GIN(6, 6, 2, 6, norm="batch_norm")
    if thin:
        gnn = MoG(gnn, sparsity=0.4, mix="vote")
    return GraphClassifier(Embedding(20, 6), gnn, 6, 2, pooling)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_the_output_is_that_of_the_thinned_graphs(pooling):
    batch = Batch.from_data_list(small_graphs())
    model = classifier(pooling=pooling).eval()
    sparse = model.sparsify(batch)
    assert sparse.num_edges == round(0.6 * batch.num_edges)
    h = model.gnn.gnn(model.encoder(batch.x), sparse.edge_index)
    rows = h.view(4, 8, 6)
    pooled = rows.mean(dim=1) if pooling == "mean" else rows.sum(dim=1)
    torch.testing.assert_close(model(batch), model.head(pooled))


def test_without_thinning_it_is_that_of_whole_graphs():
    batch = Batch.from_data_list(small_graphs())
    dense, thin = classifier(thin=False).eval(), classifier().eval()
    # The network is initialised before MoG, so that both start alike.
    thin.encoder, thin.head = dense.encoder, dense.head
    torch.testing.assert_close(thin(batch, thin=False), dense(batch))
    assert not torch.allclose(thin(batch), dense(batch))


def test_whole_graphs_are_classified_each_on_their_own():
    graphs = small_graphs()
    model = classifier(thin=False).eval()
    together = model(Batch.from_data_list(graphs))
    torch.testing.assert_close(together, torch.cat([model(g) for g in graphs]))


def test_sparsified_graphs_keep_their_features_and_come_apart():
    graphs = small_graphs()
    batch = Batch.from_data_list(graphs)
    model = classifier()
    sparse = model.sparsify(batch)
    assert model.training
    assert torch.equal(sparse.x, batch.x)
    assert torch.equal(batch.edge_index[:, sparse.e_id], sparse.edge_index)
    assert sum(graph.num_edges for graph in sparse.to_data_list()) == sparse.num_edges
    assert not sparse.edge_index.requires_grad


def test_gradients_reach_encoder_router_and_experts():
    model = classifier()
    batch = Batch.from_data_list(small_graphs())
    torch.nn.functional.cross_entropy(model(batch), batch.y).backward()
    parts = (model.encoder, model.gnn.sparsifier.router, model.gnn.sparsifier.experts)
    for part in parts:
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())


def test_unusable_requests():
    with pytest.raises(UnknownNameError, match="unknown pooling 'max'"):
        classifier(pooling="max")
    with pytest.raises(GraphLLMError, match="'GIN' keeps every edge"):
        classifier(thin=False).sparsify(small_graphs()[0])

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_geometric.nn import GAT, GCN, GraphSAGE

from graphllm.errors import TextGraphError
from graphllm.sparsify.criteria import gradient_magnitude

NETWORKS = {
    "gcn": lambda: GCN(5, 8, 2, 3, dropout=0.5),
    "sage": lambda: GraphSAGE(5, 8, 2, 3),
    "gat": lambda: GAT(5, 8, 2, 3, heads=2),
}


@pytest.fixture
def graph(tiny):
    return tiny.edge_index, torch.randn(6, 5)


class Linear(nn.Module):
    """Sum of weighted neighbours: gradients by hand."""

    supports_edge_weight = True

    def forward(self, x, edge_index, edge_weight=None):
        out = torch.zeros_like(x)
        message = x[edge_index[0]] * edge_weight.view(-1, 1)
        return out.index_add(0, edge_index[1], message)


def test_by_hand():
    # Edges 0->1 and 2->1. The loss of node 1, whose class is 0, falls with edge e by
    # (p_1) (x_0 - x_1) of its source: p_1 = sigmoid(z_1 - z_0).
    x = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    edge_index = torch.tensor([[0, 2], [1, 1]])
    y = torch.zeros(3, dtype=torch.long)
    score = gradient_magnitude(Linear(), y=y, index=torch.tensor([1]))(edge_index, 3, x)
    wrong = torch.sigmoid(torch.tensor(1.0 - 2.0)).item()
    assert score.tolist() == pytest.approx([2 * wrong, 1 * wrong])


def test_both_directions_are_one_weight(graph):
    edge_index, x = graph
    y = torch.arange(6) % 3
    score = gradient_magnitude(Linear(), y=y)(edge_index, 6, x[:, :3])
    moved = []
    for shift in (1e-3, -1e-3):
        for edge in range(edge_index.size(1)):
            pair = set(edge_index[:, edge].tolist())
            weight = torch.ones(edge_index.size(1), dtype=torch.double)
            for other, ends in enumerate(edge_index.t().tolist()):
                weight[other] += shift * (set(ends) == pair)
            out = Linear()(x[:, :3].double(), edge_index, weight)
            moved.append(F.cross_entropy(out, y))
    above, below = torch.stack(moved).view(2, -1)
    expected = ((above - below) / 2e-3).abs().float()
    torch.testing.assert_close(score, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_networks_of_pyg(make, graph):
    edge_index, x = graph
    gnn = make().train()
    score = gradient_magnitude(gnn)(edge_index, 6, x)
    assert score.shape == (14,)
    assert score.isfinite().all()
    assert (score > 0).any()
    both = dict(zip(map(tuple, edge_index.t().tolist()), score.tolist(), strict=True))
    assert all(value == both[b, a] for (a, b), value in both.items())
    # Evaluation mode inside (no dropout), nothing left behind outside.
    assert torch.equal(score, gradient_magnitude(gnn)(edge_index, 6, x))
    assert all(module.training for module in gnn.modules())
    assert all(parameter.grad is None for parameter in gnn.parameters())


def test_frozen_networks_and_no_grad_give_the_same(graph):
    edge_index, x = graph
    gnn = NETWORKS["gcn"]()
    score = gradient_magnitude(gnn)(edge_index, 6, x)
    gnn.requires_grad_(False)
    with torch.no_grad():
        again = gradient_magnitude(gnn)(edge_index, 6, x)
    assert torch.equal(score, again)


def test_predictions_stand_in_for_labels_and_masks_for_ids(graph):
    edge_index, x = graph
    gnn = NETWORKS["sage"]().eval()
    predicted = gnn(x, edge_index).argmax(dim=1)
    score = gradient_magnitude(gnn)(edge_index, 6, x)
    assert torch.equal(gradient_magnitude(gnn, y=predicted)(edge_index, 6, x), score)
    mask = torch.tensor([True, False, False, False, True, False])
    one = gradient_magnitude(gnn, index=mask)(edge_index, 6, x)
    two = gradient_magnitude(gnn, index=torch.tensor([0, 4]))(edge_index, 6, x)
    assert torch.equal(one, two)
    assert not torch.equal(one, score)


def test_edges_far_from_the_loss_do_not_matter(graph):
    edge_index, x = graph
    gnn = GraphSAGE(5, 8, 1, 3)
    score = gradient_magnitude(gnn, index=torch.tensor([0]))(edge_index, 6, x)
    near = (edge_index == 0).any(dim=0)
    assert (score[near] > 0).all()
    assert not score[~near].any()


def test_no_edges_and_no_features():
    criterion = gradient_magnitude(NETWORKS["gcn"]())
    nothing = torch.empty(2, 0, dtype=torch.long)
    assert criterion(nothing, 3, torch.ones(3, 5)).shape == (0,)
    with pytest.raises(TextGraphError, match="needs node features, but 'x' is None"):
        criterion(nothing, 3)
    with pytest.raises(TextGraphError, match=r"\[0, 2\] \(got 9\)"):
        criterion(torch.tensor([[0], [9]]), 3, torch.ones(3, 5))

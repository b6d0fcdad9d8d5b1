import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN

from graphllm.errors import TextGraphError
from graphllm.sparsify.criteria.prediction_agreement import prediction_agreement


class Known(nn.Module):
    """Its logits are the features."""

    def forward(self, x, edge_index):
        return x


def test_by_hand():
    p = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    edge_index = torch.tensor([[0, 1, 2, 1], [1, 0, 1, 2]])
    score = prediction_agreement(Known())(edge_index, 3, p.log())
    torch.testing.assert_close(score, torch.tensor([0.5, 0.5, 0.26, 0.26]))


def test_draws_no_dropout_and_leaves_the_mode():
    gnn = GCN(4, 8, 2, 3, dropout=0.9).train()
    x, edge_index = torch.randn(5, 4), torch.tensor([[0, 1, 2], [1, 2, 3]])
    criterion = prediction_agreement(gnn)
    first = criterion(edge_index, 5, x)
    assert gnn.training
    torch.testing.assert_close(first, criterion(edge_index, 5, x), rtol=0, atol=0)
    assert not first.requires_grad


def test_no_edges():
    assert prediction_agreement(Known())(
        torch.empty(2, 0, dtype=torch.long), 2, torch.zeros(2, 2)
    ).shape == (0,)


def test_needs_features():
    with pytest.raises(TextGraphError, match="needs node features"):
        prediction_agreement(Known())(torch.tensor([[0], [1]]), 2)

import pytest
import torch
import torch.nn.functional as F

from graphllm.errors import TextGraphError
from graphllm.sparsify.criteria import feature_cosine


def test_by_hand():
    x = torch.tensor([[3.0, 4.0], [6.0, 8.0], [-4.0, 3.0], [0.0, 0.0], [-3.0, -4.0]])
    edge_index = torch.tensor([[0, 0, 0, 0, 2], [1, 2, 3, 4, 2]])
    expected = [1.0, 0.0, 0.0, -1.0, 1.0]
    assert feature_cosine(edge_index, 5, x).tolist() == pytest.approx(expected)


def test_against_torch():
    x, edge_index = torch.randn(20, 7), torch.randint(20, (2, 101))
    expected = F.cosine_similarity(x[edge_index[0]], x[edge_index[1]])
    torch.testing.assert_close(feature_cosine(edge_index, 20, x), expected)


def test_features_carry_no_gradient_into_scores():
    x = torch.randn(3, 2, requires_grad=True)
    assert not feature_cosine(torch.tensor([[0], [1]]), 3, x).requires_grad


def test_features_are_needed_one_row_a_node():
    edge_index = torch.tensor([[0], [1]])
    with pytest.raises(TextGraphError, match="needs node features, but 'x' is None"):
        feature_cosine(edge_index, 2)
    with pytest.raises(TextGraphError, match=r"\(2, num_features\) \(got \(3, 4\)\)"):
        feature_cosine(edge_index, 2, torch.ones(3, 4))

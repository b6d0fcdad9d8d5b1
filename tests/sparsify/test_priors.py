from functools import partial

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import BaseTransform

from graphllm.errors import TextGraphError
from graphllm.loader import NeighborLoader
from graphllm.sparsify.criteria import (
    degree,
    effective_resistance,
    feature_cosine,
    jaccard,
)
from graphllm.sparsify.priors import AddEdgePriors, edge_priors

CRITERIA = [degree, jaccard, partial(effective_resistance, method="local")]


def test_by_hand():
    # Degrees 1, 3, 1, 2, 1 along the edges 0-1, 1-2, 1-3, 3-4: 2, 2, 2.5, 1.5.
    edge_index = torch.tensor([[0, 1, 1, 3], [1, 2, 3, 4]])
    prior = edge_priors(edge_index, 5, None, [degree, jaccard])
    assert prior[:, 0].tolist() == pytest.approx([0.0, 0.0, 2**0.5, -(2**0.5)])
    assert prior[:, 1].tolist() == [0.0] * 4  # no triangle: a constant


def test_columns_are_standardised_scores_in_the_order_of_criteria(sbm):
    prior = edge_priors(sbm.edge_index, 60, None, CRITERIA)
    assert prior.dtype == torch.float32
    for column, criterion in zip(prior.t().double(), CRITERIA, strict=True):
        assert abs(column.mean()) < 1e-6
        assert column.std(correction=0) == pytest.approx(1.0, abs=1e-5)
        score = criterion(sbm.edge_index, 60).double()
        both = torch.corrcoef(torch.stack([column, score]))
        assert both[0, 1] == pytest.approx(1.0, abs=1e-6)


def test_small_differences_beside_large_numbers_are_not_lost():
    def shifted(edge_index, num_nodes, x=None):
        return 1e6 + torch.arange(edge_index.size(1)) % 2

    prior = edge_priors(torch.zeros(2, 1000, dtype=torch.long), 1, None, [shifted])
    assert prior.unique().tolist() == [-1.0, 1.0]


def test_the_transform_copies_and_names_its_criteria(sbm):
    transform = AddEdgePriors(CRITERIA)
    assert isinstance(transform, BaseTransform)
    data = transform(sbm)
    expected = edge_priors(sbm.edge_index, 60, None, CRITERIA)
    assert torch.equal(data.edge_prior, expected)
    assert "edge_prior" not in sbm
    names = "[degree, jaccard, effective_resistance]"
    assert repr(transform) == f"AddEdgePriors({names})"


def test_features_reach_the_criteria_that_read_them():
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), x=torch.eye(3)[[0, 0, 1]])
    data = AddEdgePriors([feature_cosine])(data)
    assert data.edge_prior.flatten().tolist() == [1.0, -1.0]


def test_loaders_and_batches_slice_the_scores_with_the_edges(sbm):
    del sbm.text, sbm.full_text, sbm.label_names
    data = AddEdgePriors(CRITERIA)(sbm)
    loader = NeighborLoader(data, [3, 3], batch_size=10)
    for batch in loader:
        assert torch.equal(batch.edge_prior, data.edge_prior[batch.e_id])
    both = Batch.from_data_list([data, data])
    assert torch.equal(both.edge_prior, data.edge_prior.repeat(2, 1))
    assert both.edge_prior.size(0) == both.num_edges


def test_no_edges_and_no_criteria(sbm):
    nothing = torch.empty(2, 0, dtype=torch.long)
    assert edge_priors(nothing, 3, None, CRITERIA).shape == (0, 3)
    assert edge_priors(sbm.edge_index, 60, None, []).shape == (sbm.num_edges, 0)


def test_a_graph_without_edges_to_score():
    with pytest.raises(TextGraphError, match="'edge_index', but the graph has none"):
        AddEdgePriors(CRITERIA)(Data(x=torch.ones(3, 2)))


@pytest.mark.parametrize("bad", [[1.0, float("nan")], [1.0, float("inf")], [1.0]])
def test_a_criterion_that_gives_no_scores(bad):
    def broken(edge_index, num_nodes, x=None):
        return torch.tensor(bad)

    with pytest.raises(TextGraphError, match="criterion 'broken' must give 2 finite"):
        edge_priors(torch.tensor([[0, 1], [1, 0]]), 2, None, [degree, broken])

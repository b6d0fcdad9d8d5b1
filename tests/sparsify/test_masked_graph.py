import pytest
import torch
from torch import nn

from graphllm.errors import TextGraphError
from graphllm.sparsify.masked_graph import MaskedGraph

EDGES = torch.tensor([[0, 1, 2, 2], [1, 0, 0, 2]])
MASK = torch.tensor([1.0, 0.0, 0.0, 1.0])


def test_the_mask_of_the_same_and_of_the_first_edges():
    graph = MaskedGraph(EDGES, 3, MASK)
    assert graph.mask_of(EDGES, nn.Identity()) is MASK
    assert torch.equal(graph.mask_of(EDGES.clone(), nn.Identity()), MASK)
    assert graph.mask_of(EDGES[:, :2], nn.Identity()).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("other", [EDGES.flip(0), EDGES[:, 1:], EDGES.to_sparse(), 3])
def test_other_edges_have_no_mask(other):
    graph = MaskedGraph(EDGES, 3, MASK)
    with pytest.raises(TextGraphError, match=r"'Identity' was called with other.*4 in"):
        graph.mask_of(other, nn.Identity())


def test_weights():
    graph = MaskedGraph(EDGES, 3, MASK)
    assert torch.equal(graph.weight(EDGES, MASK, None), MASK)
    given = torch.tensor([2.0, 3.0, 4.0, 5.0], dtype=torch.double)
    weight = graph.weight(EDGES, MASK, given)
    assert weight.dtype == torch.double
    assert weight.tolist() == [2, 0, 0, 5]


def test_infinite_gradients_vanish_only_where_a_node_hears_nothing():
    mask = MASK.clone().requires_grad_()
    weight = MaskedGraph(EDGES, 3, mask).weight(EDGES, mask, None)
    degree = torch.zeros(3).index_add(0, EDGES[1], weight)
    # Node 0 has lost both of its edges.
    root = degree.pow(-0.5)
    root.masked_fill(root.isinf(), 0.0).sum().backward()
    assert mask.grad.tolist() == [-0.5, 0.0, 0.0, -0.5]
    other = MASK.clone().requires_grad_()
    weight = MaskedGraph(EDGES, 3, other).weight(EDGES, other, None)
    (weight[0] * float("nan")).backward()
    assert other.grad[0].isnan()


@pytest.mark.parametrize("size", [3, 5])
def test_one_entry_an_edge(size):
    with pytest.raises(TextGraphError, match=rf"shape \(4,\) .*\({size},\)"):
        MaskedGraph(EDGES, 3, torch.ones(size))


def test_loops_stay():
    with pytest.raises(TextGraphError, match="removes 1 self loops"):
        MaskedGraph(EDGES, 3, torch.zeros(4))

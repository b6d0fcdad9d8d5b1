import pytest
import torch
import torch.nn.functional as F

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import LowHomophilySelector, SelectionContext
from graphllm.selection.low_homophily import neighbor_agreement
from graphllm.selection.warmup import class_probs
from graphllm.testing import assert_selector


def test_contract():
    assert_selector(LowHomophilySelector(num_epochs=2))


def brute_force(probs, edge_index):
    result = torch.ones(len(probs), dtype=probs.dtype)
    for node in range(len(probs)):
        heard = [a for a, b in edge_index.t().tolist() if b == node and a != node]
        if heard:
            result[node] = probs[node] @ probs[heard].mean(dim=0)
    return result


def test_against_one_node_at_a_time(sbm):
    probs = torch.randn(60, 3).softmax(dim=1).double()
    loops = torch.arange(0, 60, 7).expand(2, -1)
    edge_index = torch.cat([sbm.edge_index[:, ::2], sbm.edge_index[:, :9], loops], 1)
    expected = brute_force(probs, edge_index)
    assert torch.allclose(neighbor_agreement(probs, edge_index), expected)
    assert (expected == 1).any()  # somebody hears from nobody


def test_by_hand():
    probs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    edge_index = torch.tensor([[1, 2, 0, 3], [0, 0, 2, 3]])
    # Node 0 hears the other class and a coin; 2 hears 0; 1 and 3 hear nobody.
    agreement = neighbor_agreement(probs.double(), edge_index)
    assert agreement.tolist() == [0.25, 1.0, 0.5, 1.0]


def test_the_node_in_the_wrong_neighbourhood_comes_first(sbm):
    x = 3 * F.one_hot(sbm.y, 3).float()
    same = sbm.y[sbm.edge_index[0]] == sbm.y[sbm.edge_index[1]]
    sbm.edge_index = sbm.edge_index[:, same]
    stranger = int((sbm.y == 0).nonzero()[3])
    others = (sbm.y == 1).nonzero().view(-1)[:4]
    there = torch.stack([others, torch.full_like(others, stranger)])
    kept = sbm.edge_index[:, sbm.edge_index[1] != stranger]
    sbm.edge_index = torch.cat([kept, there], dim=1)
    context = SelectionContext(features=x, num_classes=3)
    assert LowHomophilySelector()(sbm, 1, context, pool="all").tolist() == [stranger]


def test_an_mlp_whatever_the_context_knows(sbm):
    x = torch.randn(60, 4)
    context = SelectionContext(features=x, num_classes=3, seed=1)
    probs = class_probs(sbm, context, "mlp", 4).double()
    score = LowHomophilySelector(4).score(sbm, context)
    assert torch.allclose(score, 1 - brute_force(probs, sbm.edge_index))
    live = SelectionContext(x, 3, 1, probs=torch.full((60, 3), 1 / 3))
    assert torch.equal(LowHomophilySelector(4).score(sbm, live), score)


def test_bad_arguments(tiny):
    with pytest.raises(GraphLLMError, match="'num_epochs' must be >= 1"):
        LowHomophilySelector(0)
    with pytest.raises(TextGraphError, match="needs features"):
        LowHomophilySelector()(tiny, 1)

import pytest
import torch

from graphllm.errors import GraphLLMError, LeakageError, TextGraphError
from graphllm.graph_tokens import HopField, NeighborhoodDetail

TEMPLATES = [NeighborhoodDetail((2, 2)), HopField(2)]


@pytest.fixture(params=TEMPLATES, ids=["nd", "ho"])
def bound(request, tiny):
    return request.param.bind(torch.eye(6), tiny.edge_index)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (torch.tensor([0, 6]), "'nodes' holds 6, but the graph has nodes 0 to 5"),
        (torch.tensor([-1]), "'nodes' holds -1"),
        (torch.tensor([[1]]), r"list of node ids \(got torch.int64 of shape \(1, 1\)"),
        (torch.tensor([1.0]), "list of node ids"),
        (torch.ones(6, dtype=torch.bool), "list of node ids"),
    ],
)
def test_nodes_that_are_none(bound, nodes, message):
    with pytest.raises(TextGraphError, match=message):
        bound(nodes)


def test_exclude_is_checked_too(bound):
    nodes = torch.tensor([0, 1])
    with pytest.raises(TextGraphError, match="'exclude' holds -2"):
        bound(nodes, exclude=torch.tensor([-1, -2]))
    with pytest.raises(TextGraphError, match="each of the 2 nodes \\(got 1\\)"):
        bound(nodes, exclude=torch.tensor([3]))
    none = bound(nodes, exclude=torch.tensor([-1, -1]))
    for ours, plain in zip(none, bound(nodes), strict=True):
        assert torch.equal(ours, plain)


def test_pairs_are_two_columns(bound):
    with pytest.raises(TextGraphError, match="transpose an 'edge_label_index'"):
        bound.pairs(torch.tensor([[0, 1, 2], [3, 4, 5]]))


def test_pairs_are_the_ends_each_without_the_other(bound):
    pairs = torch.tensor([[0, 4], [1, 5]])
    left, right = bound.pairs(pairs)
    for side, at, tokens in ((0, 1, left), (1, 0, right)):
        alone = bound(pairs[:, side], exclude=pairs[:, at])
        for ours, theirs in zip(tokens, alone, strict=True):
            assert torch.equal(ours, theirs)
        assert tokens.nodes[:, 0].tolist() == pairs[:, side].tolist()


def test_no_nodes(bound):
    tokens = bound(torch.empty(0, dtype=torch.long))
    length = bound.template.num_tokens
    width = bound.template.num_features(6)
    assert tokens.x.shape == (0, length, width)
    assert tokens.mask.shape == tokens.nodes.shape == (0, length)
    left, right = bound.pairs(torch.empty(0, 2, dtype=torch.long))
    assert left.x.shape == right.x.shape == tokens.x.shape


def test_single_nodes_and_batches_agree(bound):
    together = bound(torch.arange(6))
    for node in range(6):
        for many, one in zip(together, bound(torch.tensor([node])), strict=True):
            assert torch.equal(many[node], one[0])


def test_templates_are_frozen():
    for template in TEMPLATES:
        with pytest.raises(AttributeError):
            template.name = "other"
        assert template == type(template)(*[2] if template.name == "ho" else [(2, 2)])
        assert len({template, template}) == 1


def test_leakage_is_an_error_of_ours_and_a_value_error():
    assert issubclass(LeakageError, GraphLLMError)
    assert issubclass(LeakageError, ValueError)

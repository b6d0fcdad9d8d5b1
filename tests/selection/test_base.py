from copy import copy

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphllm.errors import (
    BudgetError,
    GraphLLMError,
    TextGraphError,
    UnknownNameError,
)
from graphllm.selection import (
    SelectionContext,
    Selector,
    candidate_nodes,
    parse_budget,
    resolve_budget,
)
from graphllm.testing import sbm_text_graph

SETTINGS = settings(max_examples=50, deadline=None)


class Fixed(Selector):
    def __init__(self, values):
        self.values = torch.as_tensor(values)

    def score(self, data, context):
        return self.values


def graph(num_nodes, train=(0,), edges=()):
    mask = torch.zeros(num_nodes, dtype=torch.bool)
    mask[list(train)] = True
    edge_index = torch.tensor(list(edges), dtype=torch.long).view(-1, 2).t()
    return Data(edge_index=edge_index, train_mask=mask, num_nodes=num_nodes)


def test_takes_the_highest_scores_and_returns_ascending_ids():
    select = Fixed([0.1, 0.9, 0.4, 0.8, -2.0])
    assert select(graph(5), 2, pool="all").tolist() == [1, 3]
    assert select(graph(5), 0.6, pool="all").tolist() == [1, 2, 3]
    assert select(graph(5), 1.0, pool="all").tolist() == [0, 1, 2, 3, 4]


def test_ties_are_broken_by_the_smaller_id():
    # Large enough that an unstable sort would mix the ids.
    scores = torch.ones(1000)
    scores[500:] = 2.0
    assert Fixed(scores)(graph(1000), 3, pool="all").tolist() == [500, 501, 502]
    chosen = Fixed(scores)(graph(1000), 502, pool="all")
    assert chosen.tolist() == [0, 1, *range(500, 1000)]


def test_nodes_outside_the_pool_are_never_chosen_however_high_their_score():
    data = graph(4, train=(1, 2))
    assert Fixed([9.0, 1.0, 2.0, 9.0])(data, 1, pool="train").tolist() == [2]
    assert Fixed([9.0, 1.0, 2.0, 9.0])(data, 2, pool="train").tolist() == [1, 2]


def test_the_context_reaches_the_selector_and_has_a_default():
    seen = []

    class Spy(Selector):
        def score(self, data, context):
            seen.append(context)
            return torch.zeros(data.num_nodes)

    context = SelectionContext(num_classes=4, seed=7)
    Spy()(graph(3), 1, context, pool="all")
    Spy()(graph(3), 1, pool="all")
    assert seen == [context, SelectionContext()]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([1.0, 2.0], r"Fixed.score must return shape \(3,\).*got \(2,\)"),
        ([[1.0], [2.0], [3.0]], r"got \(3, 1\)"),
        ([1.0, float("nan"), 3.0], "returned nan for node 1"),
        ([1.0, 2.0, float("inf")], "returned inf for node 2"),
    ],
)
def test_unusable_scores_are_refused(values, match):
    with pytest.raises(GraphLLMError, match=match):
        Fixed(values)(graph(3), 1, pool="all")


def test_scores_that_require_gradients_are_fine():
    scores = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert Fixed(scores)(graph(3), 1, pool="all").tolist() == [2]


# ---------------------------------------------------------------- budgets


@pytest.mark.parametrize(
    ("budget", "num_candidates", "count"),
    [
        (0.05, 2708, 135),
        (0.01, 2708, 27),
        (0.2, 2708, 542),  # 541.6
        (0.001, 10, 1),
        (1e-12, 5, 1),
        (1.0, 7, 7),
        (1, 7, 1),
        (7, 7, 7),
        (1.0, 1, 1),
    ],
)
def test_resolve_budget(budget, num_candidates, count):
    assert resolve_budget(budget, num_candidates) == count


@pytest.mark.parametrize(
    ("budget", "match"),
    [
        (0, r"must be in \[1, 10\] as a count \(got 0\)"),
        (-3, r"got -3"),
        (11, r"must be in \[1, 10\] as a count \(got 11\).*10 candidate nodes"),
        (0.0, r"must be in \(0, 1\] as a share \(got 0\)"),
        (-0.5, r"got -0.5"),
        (1.5, r"got 1.5.*without a dot"),
        (5000.0, r"got 5000.*without a dot"),
        (float("nan"), "got nan"),
        (float("inf"), "got inf"),
        (True, "must be an int or a float"),
        ("5", "must be an int or a float"),
        (None, "must be an int or a float"),
    ],
)
def test_resolve_budget_refuses(budget, match):
    with pytest.raises(BudgetError, match=match) as info:
        resolve_budget(budget, 10)
    assert "\n" not in str(info.value)


def test_an_empty_pool_is_refused():
    with pytest.raises(BudgetError, match="candidate pool is empty"):
        resolve_budget(1, 0)
    with pytest.raises(BudgetError, match="candidate pool is empty"):
        Fixed([1.0, 2.0])(graph(2, train=()), 1, pool="train")
    with pytest.raises(BudgetError, match="candidate pool is empty"):
        Fixed(torch.empty(0))(graph(0, train=()), 1, pool="all")


@SETTINGS
@given(
    share=st.floats(0, 1, exclude_min=True),
    num_candidates=st.integers(1, 10**7),
)
def test_a_share_is_the_nearest_count_and_at_least_one(share, num_candidates):
    count = resolve_budget(share, num_candidates)
    assert 1 <= count <= num_candidates
    assert count == 1 or abs(count - share * num_candidates) <= 0.5


@SETTINGS
@given(
    shares=st.lists(st.floats(0, 1, exclude_min=True), min_size=2, max_size=2),
    num_candidates=st.integers(1, 10**7),
)
def test_a_larger_share_is_never_fewer_nodes(shares, num_candidates):
    low, high = sorted(shares)
    assert resolve_budget(low, num_candidates) <= resolve_budget(high, num_candidates)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.0", 1.0),
        ("0.05", 0.05),
        ("135", 135),
        ("1e-2", 0.01),
        (" 7 ", 7),
        (".5", 0.5),
        ("-3", -3),
    ],
)
def test_parse_budget(text, value):
    parsed = parse_budget(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_one_with_a_dot_is_everything_and_without_a_dot_is_one_node():
    select = Fixed([1.0, 2.0, 3.0])
    assert select(graph(3), parse_budget("1.0"), pool="all").tolist() == [0, 1, 2]
    assert select(graph(3), parse_budget("1"), pool="all").tolist() == [2]


@pytest.mark.parametrize("text", ["", "five", "5%", "1/2", "0,05"])
def test_parse_budget_refuses(text):
    with pytest.raises(BudgetError, match=f"'{text}' is not a budget; give a share"):
        parse_budget(text)


@SETTINGS
@given(
    # Few values, hence many ties.
    scores=st.lists(st.integers(-2, 2), min_size=1, max_size=30),
    train=st.sets(st.integers(0, 29)),
    pool=st.sampled_from(["train", "train+neighbors", "all"]),
    data=st.data(),
)
# Guard 4: a smaller budget lies in a larger one.
def test_any_budget_is_exact_nested_and_optimal(scores, train, pool, data):
    num_nodes = len(scores)
    g = graph(num_nodes, {i for i in train if i < num_nodes})
    g.edge_index = torch.tensor(
        data.draw(
            st.lists(st.tuples(*[st.integers(0, num_nodes - 1)] * 2), max_size=40)
        ),
        dtype=torch.long,
    ).view(-1, 2)
    g.edge_index = g.edge_index.t()
    candidates = candidate_nodes(g, pool).tolist()
    # Independent of the implementation: sort pairs (score down, id up).
    order = sorted(candidates, key=lambda i: (-scores[i], i))
    select = Fixed(torch.tensor(scores).double())
    if not candidates:
        with pytest.raises(BudgetError):
            select(g, 1, pool=pool)
    for count in range(1, len(candidates) + 1):
        assert select(g, count, pool=pool).tolist() == sorted(order[:count])


# ------------------------------------------------------------------ pools


def test_train_neighbors_are_the_nodes_whose_messages_arrive():
    # 0 -> 1 -> 2 -> 3 and 2 -> 4; only what flows into node 2 can change its output.
    edges = [(0, 1), (1, 2), (2, 3), (2, 4)]
    data = graph(6, train=(2,), edges=edges)
    for num_hops, expected in [(0, [2]), (1, [1, 2]), (2, [0, 1, 2]), (9, [0, 1, 2])]:
        found = candidate_nodes(data, "train+neighbors", num_hops)
        assert found.tolist() == expected
    assert candidate_nodes(data, "train").tolist() == [2]
    assert candidate_nodes(data, "all").tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("num_hops", [1, 2, 3])
@pytest.mark.parametrize("directed", [True, False])
def test_train_neighbors_against_networkx(num_hops, directed):
    data = sbm_text_graph(p_in=0.06, p_out=0.005, seed=num_hops)
    if directed:
        data.edge_index = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    incoming = nx.DiGraph(data.edge_index.flip(0).t().tolist())
    incoming.add_nodes_from(range(data.num_nodes))
    expected = set()
    for node in data.train_mask.nonzero().view(-1).tolist():
        reached = nx.single_source_shortest_path_length(incoming, node, num_hops)
        expected |= set(reached)
    found = candidate_nodes(data, "train+neighbors", num_hops).tolist()
    assert found == sorted(expected)
    assert len(found) < data.num_nodes  # or the test could not fail


def test_the_receptive_field_is_what_a_gnn_reads():
    from torch_geometric.nn import GCN

    data = sbm_text_graph(p_in=0.08, p_out=0.004)
    x = torch.randn(data.num_nodes, 4).requires_grad_()
    out = GCN(4, 8, num_layers=2, out_channels=3)(x, data.edge_index)
    out[data.train_mask].abs().sum().backward()
    read = (x.grad.abs().sum(1) > 0).nonzero().view(-1)
    pool = candidate_nodes(data, "train+neighbors", 2)
    assert set(read.tolist()) <= set(pool.tolist())
    assert pool.numel() < data.num_nodes


def test_the_default_pool_is_train_and_two_hops(tiny):
    tiny.train_mask[5] = False  # only node 0: two hops reach 1, 2, 3
    everything = Fixed(torch.zeros(6))(tiny, 1.0)
    assert everything.tolist() == [0, 1, 2, 3]


def test_an_unknown_pool_lists_the_choices(tiny):
    with pytest.raises(UnknownNameError, match=r"unknown pool 'tain'.*'train'.*all,"):
        candidate_nodes(tiny, "tain")


def test_a_pool_without_its_mask_or_edges_says_what_to_do(tiny):
    bare = copy(tiny)
    del bare.train_mask
    with pytest.raises(TextGraphError, match=r"needs 'data\.train_mask'"):
        candidate_nodes(bare, "train")
    assert candidate_nodes(bare, "all").numel() == 6
    del tiny.edge_index
    for pool in ("train+neighbors", "all"):
        with pytest.raises(TextGraphError, match="has no 'edge_index'"):
            candidate_nodes(tiny, pool)

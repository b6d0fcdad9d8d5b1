from copy import copy

import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import PromptError, TextGraphError
from graphllm.prompts import build_views, catalog, render
from graphllm.testing import sbm_text_graph


def rendered(data, **kwargs):
    """Every prompt of the catalogue for every node."""
    views = build_views(data, range(data.num_nodes), **kwargs)
    templates = [t for name, t in catalog().items() if name != "repair"]
    return [
        render(template, view)
        for view in views
        for template in templates
        if view.neighbors or not template.needs_neighbors
    ]


def canary_graph(seed=0):
    """One class a node: whose name shows up in a prompt is told by the name."""
    data = sbm_text_graph(40, seed=seed)
    data.y = torch.arange(40)
    data.label_names = [f"canary{i:02d}" for i in range(40)]
    data.text = [f"text{i:02d} about nothing" for i in range(40)]
    return data


def test_views_by_hand(tiny):
    view = build_views(tiny, [2])[0]
    assert (view.node, view.text) == (2, "a comet here")
    assert sorted(view.neighbors) == ["a star", "an orbit", "an oven"]
    assert view.neighbor_labels == ()
    assert view.label_names == ("astronomy", "cooking")


def test_order_of_nodes_is_kept_and_tensors_are_taken(tiny):
    views = build_views(tiny, torch.tensor([4, 0]))
    assert [view.node for view in views] == [4, 0]
    assert build_views(tiny, []) == []


def test_neighbor_labels_are_those_of_training_nodes(tiny):
    view = build_views(tiny, [2], neighbor_labels=True)[0]
    told = dict(zip(view.neighbors, view.neighbor_labels, strict=True))
    # node 0 is in the training set, nodes 1 and 3 are not
    assert told == {"a star": "astronomy", "an orbit": None, "an oven": None}


# Guard 5: no label of a test node reaches a prompt.
@pytest.mark.parametrize("neighbor_labels", [False, True])
def test_hidden_labels_cannot_change_a_prompt(neighbor_labels):
    data = canary_graph()
    before = rendered(data, neighbor_labels=neighbor_labels)
    hidden = (~data.train_mask).nonzero().view(-1)
    changed = copy(data)
    changed.y = data.y.clone()
    changed.y[hidden] = data.y[hidden].roll(1)
    assert rendered(changed, neighbor_labels=neighbor_labels) == before


# Guard 5: nor does a node's own.
@pytest.mark.parametrize("neighbor_labels", [False, True])
def test_a_nodes_own_label_cannot_change_its_prompt(neighbor_labels):
    data = canary_graph()
    templates = [t for name, t in catalog().items() if name != "repair"]
    for node in data.train_mask.nonzero().view(-1).tolist():
        changed = copy(data)
        changed.y = data.y.clone()
        changed.y[node] = (node + 1) % 40
        pair = [
            build_views(graph, [node], neighbor_labels=neighbor_labels)[0]
            for graph in (data, changed)
        ]
        assert pair[0] == pair[1]
        for template in templates:
            if pair[0].neighbors or not template.needs_neighbors:
                assert render(template, pair[0]) == render(template, pair[1])


def test_canaries_appear_only_where_they_were_asked_for():
    data = canary_graph()
    data.label_names = [f"canary{i:02d}" for i in range(40)]
    train = set(data.train_mask.nonzero().view(-1).tolist())
    templates = catalog()
    seen = 0
    for view in build_views(data, range(40), neighbor_labels=True):
        if not view.neighbors:
            continue
        blind = render(templates["neighbor_summary"], view).messages[-1].content
        assert "canary" not in blind
        aware = render(templates["neighbor_summary_labels"], view).messages[-1].content
        listed, _, rest = aware.partition("Text of one")
        assert all(name in listed for name in data.label_names)
        assert f"canary{view.node:02d}" not in rest
        told = {i for i in range(40) if f"canary{i:02d}" in rest}
        assert told <= train
        seen += len(told)
    assert seen > 0


# Guard 5: only links of the graph at hand are shown.
def test_a_text_reaches_only_its_own_node_and_its_neighbors():
    data = canary_graph()
    edges = set(map(tuple, data.edge_index.t().tolist()))
    for view in build_views(data, range(40), num_neighbors=40):
        shown = {int(text[4:6]) for text in view.neighbors}
        assert shown == {j for j in range(40) if (view.node, j) in edges} - {view.node}


def test_a_view_does_not_depend_on_the_selection():
    data = sbm_text_graph(60, p_in=0.6)
    alone = build_views(data, [5], num_neighbors=3)[0]
    among = build_views(data, range(60), num_neighbors=3)[5]
    assert alone == among
    assert len(alone.neighbors) == 3
    assert build_views(data, [5], num_neighbors=3, seed=0)[0] == alone
    others = {build_views(data, [5], num_neighbors=3, seed=s)[0] for s in range(1, 9)}
    assert len(others) > 1


def test_given_neighbours_are_shown_in_their_order(tiny):
    views = build_views(tiny, [2, 0], neighbors=[[5, 1], []], neighbor_labels=True)
    assert [view.neighbors for view in views] == [("butter", "an orbit"), ()]
    # node 5 is in the training set, node 1 is not
    assert views[0].neighbor_labels == ("cooking", None)
    assert build_views(tiny, [2], neighbors=[[0]], max_chars=3)[0].neighbors == ("a …",)


def test_edge_order_duplicates_loops_and_direction_do_not_matter():
    pairs = torch.tensor([[0, 1, 1, 2, 0, 0], [1, 2, 2, 1, 0, 3]])
    data = Data(edge_index=pairs, text=["a", "b", "c", "  "], num_nodes=4)
    shuffled = copy(data)
    shuffled.edge_index = pairs.flip(0)[:, torch.tensor([5, 3, 1, 0, 2, 4])]
    views = build_views(data, range(4))
    # the empty text of node 3 is no snippet
    assert [sorted(view.neighbors) for view in views] == [
        ["b"],
        ["a", "c"],
        ["b"],
        ["a"],
    ]
    assert build_views(shuffled, range(4)) == views


def test_snippets_are_capped(tiny):
    tiny.text[0] = "star " * 1000
    views = build_views(tiny, [1], max_chars=50)
    assert max(len(text) for text in views[0].neighbors) <= 52
    assert build_views(tiny, [1], num_neighbors=0)[0].neighbors == ()
    assert views[0].text == "an orbit"


def test_isolated_nodes_and_graphs_without_labels():
    data = Data(edge_index=torch.empty(2, 0, dtype=torch.long), text=["a"], num_nodes=1)
    view = build_views(data, [0])[0]
    assert (view.neighbors, view.label_names) == ((), ())


def test_bad_input(tiny):
    with pytest.raises(TextGraphError, match="no node 6; the graph has nodes 0 to 5"):
        build_views(tiny, [0, 6])
    with pytest.raises(PromptError, match="'num_neighbors' must not be negative"):
        build_views(tiny, [0], num_neighbors=-1)
    with pytest.raises(PromptError, match=r"one entry a node \(got 1 for 2 nodes\)"):
        build_views(tiny, [0, 1], neighbors=[[2]])
    with pytest.raises(TextGraphError, match="no node 7"):
        build_views(tiny, [0], neighbors=[[7]])
    del tiny.train_mask
    with pytest.raises(TextGraphError, match=r"needs 'data.y' and 'data.train_mask'"):
        build_views(tiny, [0], neighbor_labels=True)
    tiny.text = None
    with pytest.raises(TextGraphError, match="has no text"):
        build_views(tiny, [0])

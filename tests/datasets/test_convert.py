import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.datasets import from_edges, from_networkx
from graphllm.errors import TextGraphError


def pairs(data):
    return sorted(zip(*data.edge_index.tolist(), strict=True))


def test_from_edges():
    data = from_edges(["a", "b", ""], [(0, 1), (1, 0), (0, 1)], ["y", None, "x"])
    assert pairs(data) == [(0, 1), (1, 0)]
    assert data.num_nodes == 3
    assert data.y.tolist() == [1, -1, 0]
    assert data.label_names == ["x", "y"]


def test_from_edges_directed_and_without_labels():
    data = from_edges(["a", "b"], iter([(1, 0), (1, 0)]), undirected=False)
    assert pairs(data) == [(1, 0)]
    assert data.y is None


def test_from_edges_without_edges():
    assert from_edges(["a"], []).edge_index.shape == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], [(0, 1)]), "points to node 1"),
        ((["a"], [(0, -1)]), "points to node -1"),
        ((["a", "b"], [(0, 1, 1)]), "must be a pair"),
        ((["a", "b"], [], ["x"]), "1 labels for 2 texts"),
        ((["a", None], []), "other than a string"),
    ],
)
def test_from_edges_refuses(arguments, message):
    with pytest.raises(TextGraphError, match=message):
        from_edges(*arguments)


@st.composite
def networks(draw):
    kind = draw(st.sampled_from([nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph]))
    graph = kind()
    names = draw(st.lists(st.text(max_size=3), min_size=1, max_size=6, unique=True))
    for name in names:
        graph.add_node(name, text=f"about {name}")
    ends = st.sampled_from(names)
    graph.add_edges_from(draw(st.lists(st.tuples(ends, ends), max_size=12)))
    return graph


@given(networks(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_from_networkx_has_the_adjacency_of_networkx(graph, undirected):
    data = from_networkx(graph, undirected=undirected)
    oracle = torch.from_numpy(nx.to_numpy_array(graph)) > 0
    if undirected:
        oracle = oracle | oracle.t()
    dense = torch.zeros(len(graph), len(graph), dtype=torch.bool)
    dense[data.edge_index[0], data.edge_index[1]] = True
    assert dense.equal(oracle)
    assert data.text == [f"about {name}" for name in graph]
    assert data.node_names == list(graph)


def test_from_networkx_attributes():
    graph = nx.path_graph(3)
    nx.set_node_attributes(graph, {0: "a", 1: "b", 2: ""}, "abstract")
    nx.set_node_attributes(graph, {0: 3, 2: 1}, "topic")
    data = from_networkx(graph, text="abstract", label="topic")
    assert data.text == ["a", "b", ""]
    assert data.y.tolist() == [1, -1, 0]
    assert data.label_names == ["1", "3"]
    assert from_networkx(graph, text="abstract").y is None


def test_from_networkx_without_text():
    with pytest.raises(TextGraphError, match="node 0 has no string attribute 'text'"):
        from_networkx(nx.path_graph(2))

import networkx as nx
import numpy as np
import pytest

from graphllm.kernels.induced import induced_edges


def by_target(graph):
    colptr = np.zeros(graph.number_of_nodes() + 1, dtype=np.int64)
    rows = []
    for node in sorted(graph):
        rows += sorted(graph.predecessors(node))
        colptr[node + 1] = len(rows)
    return colptr, np.array(rows, dtype=np.int64)


@pytest.mark.parametrize("seed", range(4))
def test_as_networkx_has_it(seed):
    graph = nx.gnp_random_graph(30, 0.15, seed=seed, directed=True)
    graph.add_edge(3, 3)
    colptr, row = by_target(graph)
    nodes = np.random.default_rng(seed).permutation(30)[:12]
    nodes[0] = 3 if 3 not in nodes else nodes[0]
    local = np.full(30, -1, dtype=np.int32)
    source, target, slot = induced_edges(colptr, row, nodes, local)
    found = list(zip(nodes[source].tolist(), nodes[target].tolist(), strict=True))
    assert sorted(found) == sorted(graph.subgraph(nodes.tolist()).edges)
    assert row[slot].tolist() == nodes[source].tolist()
    assert (np.searchsorted(colptr, slot, side="right") - 1 == nodes[target]).all()
    assert (np.diff(target) >= 0).all()
    assert (local == -1).all()


def test_repeated_edges_stay_and_nothing_comes_of_nothing():
    colptr = np.array([0, 3, 3])
    row = np.array([1, 1, 0])
    local = np.full(2, -1, dtype=np.int32)
    source, target, slot = induced_edges(colptr, row, np.array([1, 0]), local)
    assert (source.tolist(), target.tolist(), slot.tolist()) == (
        [0, 0, 1],
        [1, 1, 1],
        [0, 1, 2],
    )
    none = induced_edges(colptr, row, np.array([], dtype=np.int64), local)
    assert [part.size for part in none] == [0, 0, 0]

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from graphllm.kernels.louvain import louvain


def partition(graph):
    label = louvain(csr_array(nx.to_scipy_sparse_array(graph, dtype=float)))
    return [set(np.flatnonzero(label == k).tolist()) for k in range(label.max() + 1)]


def every_partition(items):
    if not items:
        yield []
        return
    head, *tail = items
    for rest in every_partition(tail):
        yield [{head}, *rest]
        for k in range(len(rest)):
            yield [*rest[:k], {head, *rest[k]}, *rest[k + 1 :]]


def test_two_triangles_by_hand():
    graph = nx.Graph([(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)])
    graph = nx.convert_node_labels_to_integers(graph, ordering="sorted")
    assert partition(graph) == [{0, 1, 2}, {3, 4, 5}]


@pytest.mark.parametrize("seed", range(6))
def test_near_the_best_of_all_partitions_of_seven_nodes(seed):
    graph = nx.gnp_random_graph(7, 0.4, seed=seed)
    if graph.number_of_edges() == 0:
        pytest.fail("pick seeds that have edges")
    best = max(nx.community.modularity(graph, p) for p in every_partition(list(graph)))
    found = nx.community.modularity(graph, partition(graph))
    assert found <= best + 1e-12
    assert found >= best - 0.06


@pytest.mark.parametrize("seed", range(3))
def test_as_good_as_networkx(seed):
    graph = nx.planted_partition_graph(5, 40, 0.25, 0.02, seed=seed)
    ours = nx.community.modularity(graph, partition(graph))
    theirs = [
        nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=s))
        for s in range(5)
    ]
    assert ours >= np.mean(theirs) - 0.02


def test_the_karate_club():
    graph = nx.karate_club_graph()
    for *_, weights in graph.edges(data=True):
        weights["weight"] = 1.0
    # The best known partition has 0.4198.
    assert nx.community.modularity(graph, partition(graph)) > 0.415


def test_weights_and_components_count():
    weighted = np.zeros((4, 4))
    weighted[0, 1] = weighted[1, 0] = weighted[2, 3] = weighted[3, 2] = 9
    weighted[1, 2] = weighted[2, 1] = 1
    assert louvain(csr_array(weighted)).tolist() == [0, 0, 1, 1]
    weighted[1, 2] = weighted[2, 1] = 90
    assert louvain(csr_array(weighted)).tolist() != [0, 0, 1, 1]


def test_isolated_nodes_stay_alone_and_labels_follow_the_first_node():
    lonely = nx.Graph([(3, 4)])
    lonely.add_nodes_from(range(5))
    matrix = nx.to_scipy_sparse_array(lonely, nodelist=range(5), dtype=float)
    assert louvain(csr_array(matrix)).tolist() == [0, 1, 2, 3, 3]
    assert louvain(csr_array((3, 3), dtype=float)).tolist() == [0, 1, 2]
    assert louvain(csr_array((0, 0), dtype=float)).size == 0


def test_the_order_of_entries_within_a_row_is_nothing():
    graph = nx.gnp_random_graph(40, 0.1, seed=1)
    matrix = csr_array(nx.to_scipy_sparse_array(graph, dtype=float))
    shuffled = matrix.copy()
    for row in range(40):
        span = slice(*shuffled.indptr[row : row + 2])
        shuffled.indices[span] = shuffled.indices[span][::-1].copy()
    shuffled.has_sorted_indices = False
    before = shuffled.indices.copy()
    assert louvain(shuffled).tolist() == louvain(matrix).tolist()
    assert np.array_equal(shuffled.indices, before)  # the input is left alone

from types import SimpleNamespace

import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.loader.subgraphs import partition as module
from graphllm.loader.subgraphs.partition import partition


@pytest.fixture
def without_metis(monkeypatch):
    monkeypatch.setattr(module, "available", lambda package: False)


def cut(edge_index, part):
    return float((part[edge_index[0]] != part[edge_index[1]]).float().mean())


def two_cliques():
    clique = torch.combinations(torch.arange(6)).t()
    return torch.cat([clique, clique + 6, torch.tensor([[0], [6]])], dim=1)


@pytest.mark.usefixtures("without_metis")
def test_two_cliques_are_two_parts():
    part = partition(two_cliques(), 12, 2)
    assert part.dtype == torch.long
    assert len(set(part[:6].tolist())) == len(set(part[6:].tolist())) == 1
    assert part[0] != part[6]


@pytest.mark.usefixtures("without_metis")
def test_directions_and_repetitions_do_not_count(graph):
    part = partition(graph.edge_index, 60, 5)
    turned = torch.cat([graph.edge_index.flip(0)] * 2, dim=1)
    assert partition(turned, 60, 5).equal(part)
    assert not partition(graph.edge_index, 60, 5, seed=1).equal(part)


def test_metis_is_asked_where_it_is_installed(monkeypatch):
    """Both directions of the graph, a seed of 31 bits, and the parts it gives."""
    asked = {}

    def part_graph(num_parts, adjacency, options):
        asked.update(num_parts=num_parts, adjacency=adjacency, **options)
        return SimpleNamespace(vertex_part=[1, 0, 1])

    metis = SimpleNamespace(
        Options=lambda **options: options,
        CSRAdjacency=lambda starts, others: (starts.tolist(), others.tolist()),
        part_graph=part_graph,
    )
    monkeypatch.setattr(module, "available", lambda package: package == "pymetis")
    monkeypatch.setattr(module, "require", lambda *names: metis)
    part = partition(torch.tensor([[0, 1], [1, 2]]), 3, 2, seed=5)
    assert part.tolist() == [1, 0, 1]
    assert asked["num_parts"] == 2
    assert asked["adjacency"] == ([0, 1, 3, 4], [1, 0, 2, 1])
    assert 0 <= asked["seed"] < 2**31


def test_metis_itself(graph):
    pytest.importorskip("pymetis", reason="needs the extra 'partition'")
    part = partition(two_cliques(), 12, 2)
    assert cut(two_cliques(), part) == pytest.approx(1 / 31)
    parts = [partition(graph.edge_index, 60, 5, seed) for seed in (0, 0)]
    assert parts[0].equal(parts[1])
    assert set(parts[0].tolist()) <= set(range(5))


def test_one_part_and_too_many():
    assert partition(two_cliques(), 12, 1).tolist() == [0] * 12
    with pytest.raises(GraphLLMError, match=r"at most the 12 nodes.*\(got 13\)"):
        partition(two_cliques(), 12, 13)

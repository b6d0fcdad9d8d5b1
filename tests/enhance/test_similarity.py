import pytest
import torch

from graphllm.enhance import SimilarityNeighbors, neighbor_weights


@pytest.fixture
def graph(tiny):
    generator = torch.Generator().manual_seed(0)
    tiny.x = torch.randn(6, 4, generator=generator)
    tiny.llm_index = torch.tensor([2, 4])
    tiny.x_llm = torch.randn(2, 4, generator=generator)
    return tiny


def choose(rule, graph):
    return rule(graph, graph.x, graph.x_llm, graph.llm_index)


def test_weights_follow_the_formula_and_all_edges_stay(graph):
    chosen = choose(SimilarityNeighbors(temperature=0.5), graph)
    expected = neighbor_weights(
        graph.edge_index, graph.x, graph.x_llm, graph.llm_index, temperature=0.5
    )
    assert torch.equal(chosen.edge_weight, expected)
    assert chosen.keep_edge is None
    assert chosen.answers == []


@pytest.mark.parametrize(("keep", "count"), [(2, 2), (0.5, 2), (1, 1), (9, 3)])
def test_the_heaviest_edges_into_enhanced_nodes_stay(keep, count, graph):
    chosen = choose(SimilarityNeighbors(keep=keep), graph)
    into = graph.edge_index[1] == 2  # three neighbours
    best = chosen.edge_weight[into].topk(count).indices
    assert chosen.keep_edge[into].nonzero().view(-1).tolist() == sorted(best.tolist())
    plain = ~torch.isin(graph.edge_index[1], graph.llm_index)
    assert bool(chosen.keep_edge[plain].all())


def test_the_edges_themselves_are_untouched(graph):
    before = graph.edge_index.clone()
    choose(SimilarityNeighbors(keep=1), graph)
    assert torch.equal(graph.edge_index, before)


def test_nothing_is_asked(graph):
    assert SimilarityNeighbors().questions(graph, graph.llm_index, None) == []


def test_bad_arguments():
    with pytest.raises(ValueError, match="'temperature' must be positive"):
        SimilarityNeighbors(temperature=0)
    for keep in (0, 0.0, 1.5, -1):
        with pytest.raises(ValueError, match=r"a share in \(0, 1\] \(got"):
            SimilarityNeighbors(keep=keep)

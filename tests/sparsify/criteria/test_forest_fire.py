import networkx as nx
import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.sparsify.criteria import forest_fire

TINY = torch.tensor([[0, 1], [1, 2]])


def test_the_edge_that_burns_most_gets_one_and_loops_do_not_burn():
    graph = nx.karate_club_graph()
    edge_index = torch.tensor([*graph.edges, (5, 5)]).t()
    score = forest_fire(edge_index, 34)
    assert score.max() == 1.0
    assert score[-1] == 0.0
    assert (score >= 0.0).all()


def test_a_bridge_burns_more_often_than_the_edges_of_a_clique():
    # All fires that leave one clique of eight take the one bridge.
    graph = nx.barbell_graph(8, 0)
    edge_index = torch.tensor(list(graph.edges)).t()
    score = forest_fire(edge_index, 16, burns_per_edge=200.0)
    bridge = [set(pair) == {7, 8} for pair in graph.edges].index(True)
    assert int(score.argmax()) == bridge
    # The cliques are alike but for chance.
    others = score[[i for i, pair in enumerate(graph.edges) if max(pair) < 7]]
    assert others.std() / others.mean() < 0.15


def test_the_seed_decides():
    edge_index = torch.tensor(list(nx.karate_club_graph().edges)).t()
    one, same, other = (forest_fire(edge_index, 34, seed=s) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("bad", [0.0, 1.0, float("nan")])
def test_probabilities_that_end_or_never_end(bad):
    with pytest.raises(GraphLLMError, match="'burn_probability' must be between 0 and"):
        forest_fire(TINY, 3, burn_probability=bad)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), float("nan")])
def test_too_few_and_too_many_burns(bad):
    with pytest.raises(GraphLLMError, match="'burns_per_edge' must be above 0"):
        forest_fire(TINY, 3, burns_per_edge=bad)

import pytest
import torch

from graphllm.errors import EmbeddingError, TextGraphError, UnknownNameError
from graphllm.experiments.llaga.checks import check_arms, check_graph, check_graphs


def named(tiny, name):
    graph = tiny.clone()
    graph.name = name
    return graph


def test_a_graph_and_its_vectors(tiny):
    check_graph(tiny, torch.zeros(6, 3))
    for wrong in (torch.zeros(5, 3), torch.zeros(6)):
        with pytest.raises(EmbeddingError, match="6 nodes; give one vector a node"):
            check_graph(tiny, wrong)
    tiny.text = None
    with pytest.raises(TextGraphError, match="no text"):
        check_graph(tiny, torch.zeros(6, 3))


def test_arms():
    check_arms(("one",), ("one", "two"))
    with pytest.raises(UnknownNameError, match=r"unknown arm 'tow'.*mean 'two'"):
        check_arms(("one", "tow"), ("one", "two"))


def test_graphs_of_one_name(tiny):
    x = torch.zeros(6, 3)
    check_graphs([(named(tiny, "one"), x), (named(tiny, "two"), x)])
    with pytest.raises(TextGraphError, match="two graphs are called 'one'"):
        check_graphs([(named(tiny, "one"), x), (named(tiny, "one"), x)])


def test_vectors_of_two_encoders(tiny):
    graphs = [(named(tiny, "one"), torch.zeros(6, 3))]
    graphs.append((named(tiny, "two"), torch.zeros(6, 4)))
    with pytest.raises(EmbeddingError, match=r"\(one 3, two 4\).*one encoder"):
        check_graphs(graphs)

import copy

import pytest
import torch

from graphllm.errors import TextGraphError
from graphllm.sparsify.judged_edges import GraphMemory, JudgedEdges

LOOPS = torch.tensor([[0, 1, 2, 2, 1], [1, 1, 0, 2, 0]])


def test_loops_are_not_judged():
    graph = JudgedEdges(LOOPS, 3)
    assert graph.edge_index.tolist() == [[0, 2, 1], [1, 0, 0]]
    assert graph.degree.tolist() == [2, 1, 0]
    assert graph.partner.tolist() == [2, 1, 0]
    assert graph.pick(torch.arange(5)).tolist() == [0, 2, 4]
    value = torch.tensor([0.0, 0.5, 0.0], requires_grad=True)
    spread = graph.spread(value)
    assert spread.tolist() == [0.0, 1.0, 0.5, 1.0, 0.0]
    (spread * torch.arange(5.0)).sum().backward()
    assert value.grad.tolist() == [0.0, 2.0, 4.0]


def test_a_graph_without_loops_is_not_copied(tiny):
    graph = JudgedEdges(tiny.edge_index, 6)
    assert graph.edge_index is tiny.edge_index
    value = torch.rand(tiny.num_edges)
    assert graph.spread(value) is value


def test_the_same_tensor_is_known_until_it_changes(tiny):
    memory = GraphMemory()
    edge_index = tiny.edge_index.clone()
    graph = memory.find(edge_index, 6)
    assert memory.find(edge_index, 6) is graph
    assert memory.find(edge_index, 7) is not graph
    assert memory.find(edge_index.clone(), 6) is not graph
    edge_index[:, 0] = edge_index[:, 1]
    changed = memory.find(edge_index, 6)
    assert changed is not graph
    assert torch.equal(changed.edge_index, edge_index)


def test_few_graphs_are_kept_and_copies_have_none(tiny):
    memory = GraphMemory()
    graphs = [tiny.edge_index.clone() for _ in range(5)]
    known = [memory.find(edge_index, 6) for edge_index in graphs]
    assert memory.find(graphs[-1], 6) is known[-1]
    assert memory.find(graphs[0], 6) is not known[0]
    assert len(memory._known) == 2
    assert copy.deepcopy(memory)._known == []


def test_inference_mode_leaves_nothing_behind(tiny):
    memory = GraphMemory()
    with torch.inference_mode():
        made = memory.find(tiny.edge_index, 6)
        memory.find(tiny.edge_index.clone(), 6)
    assert memory.find(tiny.edge_index, 6) is not made
    assert not memory.find(tiny.edge_index, 6).degree.is_inference()


@pytest.mark.parametrize("wrong", [-1, 3])
def test_unknown_nodes_are_refused(wrong):
    with pytest.raises(TextGraphError, match=rf"ids in \[0, 2\] \(got {wrong}\)"):
        JudgedEdges(torch.tensor([[0], [wrong]]), 3)

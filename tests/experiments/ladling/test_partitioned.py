import pytest
import torch
import torch.nn.functional as F

from graphllm.experiments.ladling.partitioned import ValidationParts
from graphllm.models import make_backbone


def test_all_parts_are_the_whole_graph(graph):
    model = make_backbone("sage", 12, 8, 3, 2).eval()
    parts = ValidationParts(graph, num_parts=5)
    graph.val_mask[:] = True
    whole = ValidationParts(graph, num_parts=5)
    assert parts.number <= whole.number == 5
    out = model(graph.x, graph.edge_index)
    loss = whole.loss(model, torch.arange(5))
    expected = F.cross_entropy(out, graph.y).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_a_part_is_run_alone(graph):
    parts = ValidationParts(graph, num_parts=4)
    seen = []

    def network(x, edge_index):
        seen.append((x, edge_index))
        return x[:, :3]

    loss = parts.loss(network, torch.tensor([0, 2]))
    inside = (parts.place == 0) | (parts.place == 2)
    ((x, edge_index),) = seen
    assert torch.equal(x, graph.x[inside])
    both = inside[graph.edge_index]
    assert edge_index.size(1) == int((both[0] & both[1]).sum())
    rows = inside & graph.val_mask
    expected = F.cross_entropy(graph.x[rows][:, :3], graph.y[rows])
    assert float(loss) == pytest.approx(float(expected))


def test_parts_without_validation_nodes_are_left_out(graph):
    graph.val_mask[:] = False
    graph.val_mask[3] = True
    parts = ValidationParts(graph, num_parts=1000)
    assert parts.number == 1
    loss = parts.loss(lambda x, edge_index: x[:, :3], torch.tensor([0]))
    assert bool(loss.isfinite())

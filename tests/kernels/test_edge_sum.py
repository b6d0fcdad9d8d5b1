import pytest
import torch
from torch_geometric.utils import scatter

from graphllm.errors import TextGraphError
from graphllm.kernels import edge_sum as module
from graphllm.kernels.edge_sum import EdgeSum


def example(num_edges=60, num_sources=9, num_targets=7):
    generator = torch.Generator().manual_seed(0)
    edge_index = torch.stack(
        [
            torch.randint(0, num_sources, (num_edges,), generator=generator),
            torch.randint(0, num_targets, (num_edges,), generator=generator),
        ]
    )
    x = torch.randn(num_sources, 4, generator=generator, dtype=torch.float64)
    weight = torch.randn(num_edges, generator=generator, dtype=torch.float64)
    return edge_index, x.requires_grad_(), weight.requires_grad_()


def test_it_is_a_scattered_sum_of_messages(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    edge_index, x, weight = example()
    source, target = edge_index
    expected = scatter(x[source] * weight.view(-1, 1), target, 0, 7, reduce="sum")
    total = EdgeSum(edge_index, 9, 7)(x, weight)
    torch.testing.assert_close(total, expected)
    direction = torch.randn_like(expected)
    gradients = [
        torch.autograd.grad((out * direction).sum(), (x, weight))
        for out in (total, expected)
    ]
    torch.testing.assert_close(*gradients)


def test_gradients():
    edge_index, x, weight = example(12)
    sums = EdgeSum(edge_index, 9, 7)
    assert torch.autograd.gradcheck(sums, (x, weight))


def test_edges_are_sorted_once(monkeypatch):
    calls, real = [], module.group_rows
    monkeypatch.setattr(
        module, "group_rows", lambda *args: calls.append(1) or real(*args)
    )
    edge_index, x, weight = example()
    sums = EdgeSum(edge_index, 9, 7)
    for _ in range(3):
        sums(x, weight).sum().backward()
    assert len(calls) == 2
    # Without a gradient of the features nobody asks who sends.
    sums = EdgeSum(edge_index, 9, 7)
    sums(x.detach(), weight).sum().backward()
    assert len(calls) == 3


def test_no_edges():
    edge_index, x, weight = example(0)
    total = EdgeSum(edge_index, 9)(x, weight)
    assert torch.equal(total, torch.zeros(9, 4, dtype=torch.float64))
    total.sum().backward()
    assert float(x.grad.abs().sum()) == 0.0


def test_unknown_nodes_are_refused():
    edge_index, x, weight = example()
    with pytest.raises(TextGraphError, match=r"ids in \[0, 2\]"):
        EdgeSum(edge_index, 9, 3)(x, weight)

import numpy as np
import pytest
import torch

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import both_ends, check_edges


def test_sources_and_targets_whatever_the_layout():
    edge_index = torch.tensor([[2, 0], [2**31, 1]]).t()
    source, target = both_ends(edge_index.int() % 3, 3)
    assert (source.tolist(), target.tolist()) == ([2, 1], [0, 1])
    source, target = both_ends(edge_index, 2**31 + 1)
    assert (source.tolist(), target.tolist()) == ([2, 2**31], [0, 1])
    for end in (source, target):
        assert end.dtype == np.int64
        assert end.flags.c_contiguous


def test_no_edges_are_edges_of_any_graph():
    check_edges(torch.empty(2, 0, dtype=torch.long), 0)
    assert both_ends(torch.empty(2, 0, dtype=torch.long), 0)[0].size == 0


@pytest.mark.parametrize("check", [check_edges, both_ends])
@pytest.mark.parametrize("bad", [-1, 3])
def test_an_edge_to_nowhere(check, bad):
    with pytest.raises(TextGraphError, match=rf"\[0, 2\] \(got {bad}\).*3 nodes"):
        check(torch.tensor([[0], [bad]]), 3)


@pytest.mark.parametrize("check", [check_edges, both_ends])
@pytest.mark.parametrize("shape", [(3, 2), (4,), (1, 2, 2)])
def test_a_tensor_that_is_no_edge_index(check, shape):
    with pytest.raises(TextGraphError, match=r"shape \(2, num_edges\) \(got"):
        check(torch.zeros(shape, dtype=torch.long), 3)

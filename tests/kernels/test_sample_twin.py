import random

import numpy as np
import pytest

from graphllm.kernels.sample_twin import sample_neighbors_twin

# Node 0 hears from 1, 2, 3; node 1 from 0 and 3; node 2 from nobody; 3 from 2.
COLPTR = [0, 3, 5, 5, 6]
ROW = [1, 2, 3, 0, 3, 2]


def test_by_hand():
    out = sample_neighbors_twin(COLPTR, ROW, [1], [-1, -1])
    assert out.node == [1, 0, 3, 2]
    assert out.row == [1, 2, 0, 3, 2, 3]
    assert out.col == [0, 0, 1, 1, 1, 2]
    assert out.edge == [3, 4, 0, 1, 2, 5]
    assert out.nodes_per_hop == [1, 2, 1]
    assert out.edges_per_hop == [2, 4]


def test_counts_and_replacement():
    out = sample_neighbors_twin(COLPTR, ROW, [0], [2])
    assert len(set(out.edge)) == 2
    again = sample_neighbors_twin(COLPTR, ROW, [0, 2], [7], replace=True)
    assert again.edges_per_hop == [7]


@pytest.mark.parametrize("replace", [False, True])
def test_weights(replace):
    weight = [1.0, 0.0, 9.0, 1.0, 1.0, 1.0]
    rng = random.Random(0)
    hits = np.zeros(6)
    for _ in range(2000):
        out = sample_neighbors_twin(COLPTR, ROW, [0], [1], weight, replace, rng)
        hits[out.edge] += 1
    assert hits[1] == 0
    # 9 of 10, three standard deviations
    assert abs(hits[2] - 1800) < 3 * np.sqrt(2000 * 0.9 * 0.1)
    two = sample_neighbors_twin(COLPTR, ROW, [0], [3], weight)
    assert sorted(two.edge) == [0, 2]

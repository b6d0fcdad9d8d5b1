import pytest
import torch

from graphllm.experiments.mog.routing import routing_histogram


def test_bins_by_incoming_edges_and_mean_gates():
    # Node 0 hears from nobody but itself, 1 from one, 2 from two, 3 from five.
    pairs = [(0, 0), (0, 1), (0, 2), (1, 2), *((node, 3) for node in (0, 1, 2, 4, 5))]
    edge_index = torch.tensor(pairs).t()
    gates = torch.tensor(
        [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.25, 0.75], [0.0, 1.0], [0.5, 0.5]]
    )
    found = routing_histogram(gates, edge_index, ["a", "b"])
    assert found["experts"] == ["a", "b"]
    assert found["bins"] == [0, 1, 2, 4]
    assert found["nodes"] == [3, 1, 1, 1]
    expected = [[0.5, 0.5], [0.0, 1.0], [0.5, 0.5], [0.25, 0.75]]
    for row, wanted in zip(found["share"], expected, strict=True):
        assert row == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("incoming", "start"), [(3, 2), (7, 4), (8, 8), (63, 32), (64, 64), (90, 64)]
)
def test_a_bin_is_twice_as_wide_as_the_one_before(incoming, start):
    edge_index = torch.stack(
        [torch.arange(1, incoming + 1), torch.zeros(incoming, dtype=torch.long)]
    )
    found = routing_histogram(torch.ones(incoming + 1, 1), edge_index, ["only"])
    assert found["bins"] == [0, start]
    assert found["nodes"] == [incoming, 1]
    assert found["share"] == [[1.0], [1.0]]

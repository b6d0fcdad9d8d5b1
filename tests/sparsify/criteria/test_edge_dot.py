import sys

import torch

from graphllm.sparsify.criteria.edge_dot import edge_dot


def test_chunks_change_nothing(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(9, 5, generator=generator)
    edge_index = torch.randint(9, (2, 23), generator=generator)
    expected = torch.stack([rows[a] @ rows[b] for a, b in edge_index.t().tolist()])
    torch.testing.assert_close(edge_dot(rows, edge_index), expected)
    monkeypatch.setattr(sys.modules[edge_dot.__module__], "CHUNK_NUMBERS", 20)
    torch.testing.assert_close(edge_dot(rows, edge_index), expected)


def test_no_edges_and_no_columns():
    none = torch.empty(2, 0, dtype=torch.long)
    assert edge_dot(torch.ones(3, 2), none).shape == (0,)
    one = torch.tensor([[0], [1]])
    assert edge_dot(torch.ones(3, 0), one).tolist() == [0.0]

import pytest
import torch

from graphllm.datasets.base import TextGraphDataset
from graphllm.errors import TextGraphError


def test_one_graph_with_a_name(tiny):
    dataset = TextGraphDataset(tiny, "tiny")
    assert len(dataset) == 1
    assert dataset[0].name == "tiny"
    assert dataset[0].text == tiny.text
    assert dataset.num_classes == 2
    assert [data.num_nodes for data in dataset] == [6]
    with pytest.raises(IndexError):
        dataset[1]


def test_each_access_gives_a_copy(tiny):
    dataset = TextGraphDataset(tiny, "tiny")
    dataset[0].train_mask = None
    assert dataset[0].train_mask is not None


def test_classes_without_nodes_count(tiny):
    tiny.label_names = ["astronomy", "cooking", "sailing"]
    assert TextGraphDataset(tiny, "tiny").num_classes == 3


def test_graph_without_labels(tiny):
    del tiny.y, tiny.label_names
    assert TextGraphDataset(tiny, "tiny").num_classes == 0


def test_text_may_be_missing_but_not_broken(tiny):
    del tiny.text
    assert "text" not in TextGraphDataset(tiny, "tiny")[0]
    tiny.edge_index = torch.tensor([[0], [9]])
    with pytest.raises(TextGraphError, match="points to node 9"):
        TextGraphDataset(tiny, "tiny")


def test_nothing_is_stored(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TextGraphDataset(tiny, "tiny")
    assert list(tmp_path.iterdir()) == []

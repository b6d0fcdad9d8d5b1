from dataclasses import replace

import pytest
import torch

import graphllm.datasets.citeseer as module
from graphllm.data import graph_fingerprint
from graphllm.datasets import CiteSeer
from graphllm.datasets.manifest import RemoteFile, load_manifest
from graphllm.errors import DatasetError

pytestmark = pytest.mark.data


def test_what_it_holds(data_root):
    dataset = CiteSeer(data_root)
    data = dataset[0]
    assert (data.num_nodes, data.num_edges) == (3186, 2 * 4225)
    assert dataset.num_classes == 6
    assert data.y.bincount().tolist() == list(module.CLASS_SIZES)
    assert "train_mask" not in data


@pytest.fixture
def publish(data_root, server, tmp_path, monkeypatch):
    def _publish(change=lambda entries: None):
        data = CiteSeer(data_root)[0]
        numbers = torch.tensor([3, 5, 0, 1, 4, 2])  # classes in an order of their own
        entries = {
            "raw_texts": [f" {text}\n" for text in data.text],
            "edge_index": data.edge_index,
            "y": numbers[data.y],
        }
        change(entries)
        torch.save(entries, tmp_path / "raw.pt")
        server.files["raw.pt"] = (tmp_path / "raw.pt").read_bytes()
        manifest = replace(
            load_manifest("citeseer"),
            downloads=(RemoteFile("raw/citeseer.pt", server.url + "raw.pt"),),
        )
        monkeypatch.setattr(module, "load_manifest", lambda name: manifest)
        return graph_fingerprint(data)

    return _publish


def test_made_from_what_is_published(publish):
    expected = publish()
    assert graph_fingerprint(CiteSeer()[0]) == expected
    assert graph_fingerprint(CiteSeer()[0]) == expected  # from the files it wrote


def test_another_order_of_texts_is_noticed(publish, tmp_path):
    publish(lambda entries: entries["raw_texts"].reverse())
    with pytest.raises(DatasetError, match="not the graph 'citeseer'"):
        CiteSeer()
    assert not (tmp_path / "cache" / "datasets" / "citeseer" / "nodes.jsonl").exists()

import json
import shutil
from dataclasses import replace

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

import graphllm.datasets.cora as module
from graphllm.data import graph_fingerprint
from graphllm.datasets import Cora, PlanetoidText, load_dataset
from graphllm.datasets.manifest import RemoteFile, load_manifest
from graphllm.errors import DatasetError, DownloadError

pytestmark = pytest.mark.data


def test_texts_are_on_the_node_ids_of_planetoid(data_root):
    cora = Cora(data_root)[0]
    planetoid = PlanetoidText(data_root, "Cora")[0]
    assert cora.y.equal(planetoid.y)
    assert cora.label_names == planetoid.label_names
    for name in ("train_mask", "val_mask", "test_mask"):
        assert cora[name].equal(planetoid[name])
    ours, theirs = (g.edge_index.unique(dim=1) for g in (cora, planetoid))
    assert ours.equal(theirs)


def test_texts_are_of_the_papers_whose_words_the_features_count(data_root):
    # independent of fingerprints: papers with similar texts have similar features,
    # unless texts stand on the wrong nodes
    words = TfidfVectorizer(stop_words="english").fit_transform(Cora(data_root)[0].text)
    bags = torch.nn.functional.normalize(PlanetoidText(data_root, "Cora")[0].x)
    texts = torch.from_numpy((words[:400] @ words[400:800].T).toarray()).flatten()

    def agreement(bags):
        shared = (bags[:400] @ bags[400:800].T).flatten()
        return torch.corrcoef(torch.stack([texts, shared.to(texts.dtype)]))

    assert agreement(bags)[0, 1] > 0.3
    assert agreement(bags.roll(1, 0))[0, 1] < 0.1


def test_a_shuffled_copy_is_refused(data_root, tmp_path):
    folder = tmp_path / "cora"
    folder.mkdir()
    rows = (data_root / "cora" / "nodes.jsonl").read_text().splitlines()
    rows = [json.loads(row) for row in rows]
    rows[3]["text"], rows[5]["text"] = rows[5]["text"], rows[3]["text"]
    (folder / "nodes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shutil.copy(data_root / "cora" / "edges.csv", folder)
    with pytest.raises(
        DatasetError, match=r"not the graph 'cora'.*not on the node ids"
    ):
        Cora(tmp_path)
    assert load_dataset(str(folder)).num_nodes == 2708  # a graph of one's own


@pytest.fixture
def published(data_root, server, tmp_path, monkeypatch):
    """Published files in the form they are downloaded in, texts in another order."""
    cora = Cora(data_root)[0]
    order = torch.randperm(2708, generator=torch.Generator().manual_seed(1))
    texts = [cora.text[node].replace(" ", "  ") for node in order.tolist()]
    entries = {"raw_texts": texts, "edge_index": order.argsort()[cora.edge_index]}
    torch.save(entries | {"y": cora.y[order]}, tmp_path / "cora.pt")
    server.files["cora.pt"] = (tmp_path / "cora.pt").read_bytes()
    downloads = (RemoteFile("raw/cora.pt", server.url + "cora.pt"),)
    manifest = replace(load_manifest("cora"), downloads=downloads)
    monkeypatch.setattr(
        module,
        "load_manifest",
        lambda name: manifest if name == "cora" else load_manifest(name),
    )
    root = tmp_path / "root"
    root.mkdir()
    (root / "planetoid").symlink_to(data_root / "planetoid")
    return root, graph_fingerprint(cora)


def test_made_from_what_is_published(published, server, tmp_path):
    root, fingerprint = published
    assert graph_fingerprint(Cora(root)[0]) == fingerprint
    made = tmp_path / "cache" / "datasets" / "cora"
    assert (made / "nodes.jsonl").exists()
    assert graph_fingerprint(Cora(root)[0]) == fingerprint
    assert len(server.requests) == 1


def test_nothing_is_written_if_the_texts_are_others(published, server, tmp_path):
    root, _ = published
    raw = torch.load(tmp_path / "cora.pt", weights_only=True)
    raw["raw_texts"][7] = "another text"
    torch.save(raw, tmp_path / "cora.pt")
    server.files["cora.pt"] = (tmp_path / "cora.pt").read_bytes()
    with pytest.raises(DatasetError, match="none of the texts belongs to node"):
        Cora(root)
    assert not (tmp_path / "cache" / "datasets" / "cora" / "nodes.jsonl").exists()


def test_nowhere_and_not_on_the_server(published, server):
    root, _ = published
    server.files.clear()
    with pytest.raises(DownloadError, match="404"):
        Cora(root)

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

import graphllm.datasets.wordnet as module
from graphllm.data import validate_text_graph
from graphllm.datasets import WordNet
from graphllm.datasets.manifest import RemoteFile, load_manifest
from graphllm.datasets.wordnet import find_wordnet, read_wordnet, unpack_wordnet
from graphllm.errors import DatasetError

FILES = {
    "data.noun": "00000001 05 n 02 dog 0 domestic_dog 0 002 ~ 00000002 n 0000 "
    "+ 00000009 v 0101 | a member of the genus Canis  \n"
    "00000002 05 n 01 puppy 0 001 @ 00000001 n 0000 | a young dog  \n",
    "data.verb": "00000009 38 v 01 dog 0 000 01 + 08 00 | go after  \n",
    "data.adj": "00000001 00 a 01 canine 0 000 | of dogs  \n",
    "data.adv": "00000001 02 r 01 doggedly 0 000 | with obstinacy  \n",
}


@pytest.fixture(autouse=True)
def _no_system_wordnet(monkeypatch):
    monkeypatch.setattr(module, "SYSTEM_FOLDERS", ())


def put(folder):
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return folder


def test_graph_by_hand(tmp_path):
    dataset = WordNet(put(tmp_path / "dict"))
    data = validate_text_graph(dataset[0])
    assert data.name == "wordnet"
    assert data.text[0] == "dog, domestic dog: a member of the genus Canis"
    assert data.node_names == [
        "00000001-n",
        "00000002-n",
        "00000009-v",
        "00000001-a",
        "00000001-r",
    ]
    assert [data.label_names[y] for y in data.y] == [
        "noun.animal",
        "noun.animal",
        "verb.motion",
        "adj.all",
        "adv.all",
    ]
    pairs = set(zip(*data.edge_index.tolist(), strict=True))
    assert pairs == {(0, 1), (1, 0), (0, 2), (2, 0)}
    directed = read_wordnet(tmp_path / "dict", undirected=False)
    assert set(zip(*directed.edge_index.tolist(), strict=True)) == pairs - {(2, 0)}
    assert dataset.num_classes == 45


def test_pointer_that_leads_nowhere(tmp_path):
    folder = put(tmp_path / "dict")
    (folder / "data.verb").write_text("00000008 38 v 01 dog 0 000 | go after  \n")
    with pytest.raises(DatasetError, match="00000001-n points to 00000009-v, which"):
        WordNet(folder)


@pytest.mark.parametrize("below", [".", "wordnet", "dict", "wordnet/dict"])
def test_places_below_a_root(tmp_path, below):
    folder = put(tmp_path / "root" / below)
    assert find_wordnet(tmp_path / "root").resolve() == folder.resolve()


def test_order_of_places(tmp_path, monkeypatch):
    assert find_wordnet() is None
    cache = put(tmp_path / "cache" / "datasets" / "wordnet")
    assert find_wordnet() == cache
    system = put(tmp_path / "usr")
    monkeypatch.setattr(module, "SYSTEM_FOLDERS", (str(system),))
    assert find_wordnet() == system
    variable = put(tmp_path / "variable")
    monkeypatch.setenv("GRAPHLLM_DATA", str(variable))
    assert find_wordnet() == variable


def archive(names):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:bz2") as tar:
        for name in names:
            content = FILES[name].encode()
            member = tarfile.TarInfo(f"WordNet-3.0/dict/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def test_downloaded_where_there_is_none(tmp_path, server, monkeypatch):
    server.files["wn"] = archive(FILES)
    manifest = replace(
        load_manifest("wordnet"),
        downloads=(RemoteFile("raw/wn.tar.bz2", server.url + "wn"),),
    )
    monkeypatch.setattr(module, "load_manifest", lambda name: manifest)
    assert WordNet()[0].num_nodes == 5
    assert WordNet()[0].num_nodes == 5
    assert len(server.requests) == 1


def test_archive_without_a_file(tmp_path):
    (tmp_path / "wn").write_bytes(archive(["data.noun", "data.adj"]))
    with pytest.raises(DatasetError, match=r"holds no data.adv, data.verb"):
        unpack_wordnet(tmp_path / "wn", tmp_path / "out")


def test_no_archive(tmp_path):
    (tmp_path / "wn").write_bytes(b"<html>")
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        unpack_wordnet(tmp_path / "wn", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/usr/share/wordnet/data.noun").exists(), reason="no WordNet installed"
)
def test_installed_wordnet():
    data = validate_text_graph(WordNet("/usr/share/wordnet")[0])
    assert data.num_nodes == 117659
    assert data.y.unique().numel() == 45
    assert data.is_undirected()
    dog = data.node_names.index("02084071-n")
    assert data.text[dog].startswith("dog, domestic dog, Canis familiaris: a member of")
    assert data.label_names[data.y[dog]] == "noun.animal"

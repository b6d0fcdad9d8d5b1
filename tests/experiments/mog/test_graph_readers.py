import gzip
import subprocess
import sys
import zipfile

import pytest
import torch

from graphllm.errors import DatasetError, UnknownNameError
from graphllm.evaluate import auc
from graphllm.experiments.mog.graph_readers import ogb_graphs, tu_graphs


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)


@pytest.fixture
def molecules(tmp_path):
    """A chain of three atoms, one bond and a lone atom, in the layout of OGB."""
    place = tmp_path / "ogb" / "ogbg_molbace"
    write(place / "raw/edge.csv.gz", [[0, 1], [1, 2], [0, 1]])
    write(place / "raw/edge-feat.csv.gz", [[0, 0, 0]] * 3)
    write(place / "raw/node-feat.csv.gz", [[i, *[0] * 8] for i in range(6)])
    write(place / "raw/num-node-list.csv.gz", [[3], [2], [1]])
    write(place / "raw/num-edge-list.csv.gz", [[2], [1], [0]])
    write(place / "raw/graph-label.csv.gz", [[1], [0], [1]])
    for i, part in enumerate(("train", "valid", "test")):
        write(place / f"split/scaffold/{part}.csv.gz", [[i]])
    return tmp_path


@pytest.fixture
def archive(tmp_path):
    """A triangle, twice, and a pair of nodes, in the layout of TUDataset."""
    edges = "1, 2\n2, 1\n2, 3\n3, 2\n1, 3\n3, 1\n4, 5\n5, 4\n6, 7\n7, 6\n8, 7\n7, 8\n"
    files = {
        "A": edges + "6, 8\n8, 6\n",
        "graph_indicator": "1\n1\n1\n2\n2\n3\n3\n3\n",
        "graph_labels": "1\n2\n1\n",
        "node_labels": "0\n1\n0\n0\n1\n1\n1\n1\n",
        "node_attributes": "".join(f"{i}.5\n" for i in range(8)),
    }
    (tmp_path / "tu").mkdir()
    with zipfile.ZipFile(tmp_path / "tu" / "TOY.zip", "w") as packed:
        for name, text in files.items():
            packed.writestr(f"TOY/TOY_{name}.txt", text)
    return tmp_path


def test_molecules_of_ogb_are_read_without_a_word(molecules, capfd):
    read = ogb_graphs("ogbg-molbace", molecules)
    assert capfd.readouterr() == ("", "")
    chain, bond, atom = read.graphs
    assert chain.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert bond.x[:, 0].tolist() == [3, 4]
    assert atom.edge_index.shape == (2, 0)
    assert [int(graph.y) for graph in read.graphs] == [1, 0, 1]
    assert read.split(0) == {"train": [0], "valid": [1], "test": [2]}
    assert read.encoder(5)(chain.x).shape == (3, 5)


def test_the_score_of_molecules_is_the_area_under_the_curve(molecules):
    read = ogb_graphs("ogbg-molbace", molecules)
    out, y = torch.randn(40, 2), torch.arange(40) % 2
    expected = auc(out[:, 1] - out[:, 0], y)
    assert read.score(out, y) == pytest.approx(expected)


def test_missing_unknown_and_damaged_molecules(molecules, monkeypatch):
    monkeypatch.delenv("GRAPHLLM_DATA", raising=False)
    with pytest.raises(UnknownNameError, match="Did you mean 'ogbg-molbbbp'"):
        ogb_graphs("ogbg-molbbb", molecules)
    with pytest.raises(DatasetError, match="in no 'ogb/ogbg_molbbbp'"):
        ogb_graphs("ogbg-molbbbp", molecules)
    raw = molecules / "ogb" / "ogbg_molbace" / "raw"
    write(raw / "graph-label.csv.gz", [[1], [0], [2]])
    with pytest.raises(DatasetError, match="each 0 or 1"):
        ogb_graphs("ogbg-molbace", molecules)
    (raw / "edge.csv.gz").write_bytes(b"not an archive")
    with pytest.raises(DatasetError, match="fetch it anew"):
        ogb_graphs("ogbg-molbace", molecules)


@pytest.mark.slow
def test_ogb_does_not_look_for_a_newer_version():
    script = (
        "import sys, threading\n"
        "from graphllm.experiments.mog.graph_readers import _without_version_check\n"
        "with _without_version_check():\n"
        "    import ogb.version\n"
        "print(ogb.version.check_outdated, 'outdated' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["None", "False"]


def test_an_archive_of_tu_is_read(archive):
    read = tu_graphs("TOY", archive)
    first, second, third = read.graphs
    assert second.edge_index.tolist() == [[0, 1], [1, 0]]
    assert third.edge_index.tolist() == [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]]
    assert second.x.tolist() == [[3.5, 1.0, 0.0], [4.5, 0.0, 1.0]]
    assert [int(graph.y) for graph in read.graphs] == [0, 1, 0]
    assert read.num_classes == 2
    assert first.num_nodes == 3
    assert read.encoder(4)(first.x).shape == (3, 4)
    out = torch.tensor([[2.0, 1.0], [2.0, 1.0]])
    assert read.score(out, torch.tensor([0, 1])) == 0.5


def test_missing_and_damaged_archives(archive):
    with pytest.raises(DatasetError, match=r"'tu/MISSING\.zip' is in none"):
        tu_graphs("MISSING", archive)
    (archive / "tu" / "BAD.zip").write_bytes(b"not an archive")
    with pytest.raises(DatasetError, match=r"BAD\.zip' is not readable"):
        tu_graphs("BAD", archive)
    with zipfile.ZipFile(archive / "tu" / "BARE.zip", "w") as packed:
        for name, text in {
            "A": "1, 2\n2, 1\n3, 4\n4, 3\n",
            "graph_indicator": "1\n1\n2\n2\n",
            "graph_labels": "0\n1\n",
        }.items():
            packed.writestr(f"BARE/BARE_{name}.txt", text)
    with pytest.raises(DatasetError, match="neither labels nor attributes"):
        tu_graphs("BARE", archive)


@pytest.mark.data
def test_the_real_sets(data_root):
    bace = ogb_graphs("ogbg-molbace", data_root)
    assert len(bace.graphs) == 1513
    parts = {part: len(index) for part, index in bace.split(0).items()}
    assert parts == {"train": 1210, "valid": 151, "test": 152}
    proteins = tu_graphs("PROTEINS", data_root)
    assert len(proteins.graphs) == 975
    assert proteins.graphs[0].x.size(1) == 4
    assert all(not graph.has_self_loops() for graph in proteins.graphs)

import shutil

import pytest
import torch
from torch_geometric.datasets import Planetoid

from graphllm.data import validate_text_graph
from graphllm.datasets import PlanetoidText
from graphllm.errors import DatasetError, UnknownNameError


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'PubMed'"):
        PlanetoidText(name="Pubmed")


@pytest.mark.data
@pytest.mark.parametrize("name", ["Cora", "CiteSeer", "PubMed"])
def test_is_the_graph_of_pyg(data_root, tmp_path, name):
    raw = tmp_path / name / "raw"
    shutil.copytree(data_root / "planetoid" / name / "raw", raw)
    theirs = Planetoid(str(tmp_path), name)[0]
    ours = PlanetoidText(data_root, name)[0]
    for key in ("x", "y", "edge_index", "train_mask", "val_mask", "test_mask"):
        assert ours[key].equal(theirs[key]), key
    assert "text" not in ours
    validate_text_graph(ours, require_text=False)


@pytest.mark.data
def test_sizes_of_classes_fit_their_names(data_root):
    # LINQS: 4,103 papers on experimental diabetes, 7,739 on type 1, 7,875 on type 2
    pubmed = PlanetoidText(data_root)
    assert pubmed[0].y.bincount().tolist() == [4103, 7739, 7875]
    assert pubmed.num_classes == 3
    citeseer = PlanetoidText(data_root, "CiteSeer")[0]
    sizes = dict(zip(citeseer.label_names, citeseer.y.bincount().tolist(), strict=True))
    # 249 papers on AI, and the 15 without features that count as class 0
    assert sizes == {
        "AI": 249 + 15,
        "ML": 590,
        "IR": 668,
        "DB": 701,
        "Agents": 596,
        "HCI": 508,
    }


@pytest.mark.data
def test_the_layout_of_pyg_is_found_too(data_root, tmp_path):
    raw = tmp_path / "Cora" / "raw"
    shutil.copytree(data_root / "planetoid" / "Cora" / "raw", raw)
    assert PlanetoidText(tmp_path, "Cora")[0].num_nodes == 2708


@pytest.mark.data
def test_a_changed_file_is_not_opened(data_root, tmp_path):
    raw = tmp_path / "planetoid" / "Cora" / "raw"
    shutil.copytree(data_root / "planetoid" / "Cora" / "raw", raw)
    file = raw / "ind.cora.graph"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(DatasetError, match=r"ind.cora.graph: not the file"):
        PlanetoidText(tmp_path, "Cora")


@pytest.mark.data
def test_transform(data_root):
    dataset = PlanetoidText(data_root, "Cora", transform=lambda data: data.x.sum())
    assert torch.is_tensor(dataset[0])

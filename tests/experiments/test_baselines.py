"""The plain network must stand where the literature has it (guard 12)."""

import statistics

import pytest
import torch
from torch_geometric.datasets import Planetoid
from torch_geometric.transforms import NormalizeFeatures

from graphllm import ELLaGNN
from graphllm.experiments import fit


@pytest.mark.slow
@pytest.mark.data
def test_gcn_on_cora_with_bags_of_words(data_root, tmp_path):
    raw = data_root / "planetoid" / "Cora" / "raw"
    (tmp_path / "Cora").mkdir()
    (tmp_path / "Cora" / "raw").symlink_to(raw)
    data = Planetoid(str(tmp_path), "Cora", transform=NormalizeFeatures())[0]
    accuracies = []
    for seed in range(10):
        torch.manual_seed(seed)
        model = ELLaGNN("gcn", data.num_features, 16, 7, dropout=0.5)
        result = fit(model, data, {"plain": False}, epochs=200, patience=50)
        accuracies.append(result.scores["plain"].test_acc)
    assert 0.805 <= statistics.fmean(accuracies) <= 0.83

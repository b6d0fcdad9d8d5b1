from itertools import chain

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphllm.errors import DatasetError
from graphllm.experiments.mog.graph_sets import GraphSet, stratified_split


def test_every_part_has_its_share_of_every_class():
    y = torch.tensor([0] * 40 + [1] * 10)
    split = stratified_split(y, seed=3)
    assert sorted(chain(*split.values())) == list(range(50))
    classes = {part: y[index].bincount().tolist() for part, index in split.items()}
    assert classes == {"train": [32, 8], "valid": [4, 1], "test": [4, 1]}


def test_the_seed_draws_the_split():
    y = torch.tensor([0, 1] * 30)
    assert stratified_split(y, 0) == stratified_split(y, 0)
    assert stratified_split(y, 0)["test"] != stratified_split(y, 1)["test"]


def test_a_class_of_two_graphs_cannot_be_split():
    with pytest.raises(DatasetError, match="class 1 has 2 graphs"):
        stratified_split(torch.tensor([0, 0, 0, 1, 1]), 0)


def test_an_official_split_stays_whatever_the_seed():
    graphs = [Data(y=torch.tensor([i % 2])) for i in range(6)]
    given = {"train": [0, 1], "valid": [2, 3], "test": [4, 5]}
    fields = ("toy", graphs, 2, "accuracy", lambda out, y: 0.0, nn.Identity)
    assert GraphSet(*fields, given).split(7) == given
    assert sorted(chain(*GraphSet(*fields).split(7).values())) == list(range(6))

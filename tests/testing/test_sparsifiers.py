"""The checker has to catch each broken promise: one bad sparsifier a promise."""

import re

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphllm.sparsify import Sparsifier, SparsifyOutput
from graphllm.testing import assert_sparsifier


class Sound(Sparsifier):
    """Keeps the edges of the low nodes; each case below breaks one thing."""

    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, x, edge_index, *, edge_prior=None, edge_weight=None, batch=None):
        mask = self.mask(x, edge_index)
        mask = mask.masked_fill(edge_index[0] == edge_index[1], 1.0)
        if self.training:
            mask = mask + (self.shift - self.shift.detach())
        return SparsifyOutput(mask, self.loss(mask))

    def mask(self, x, edge_index):
        return (edge_index.sum(dim=0) % 3 > 0).float()

    def loss(self, mask):
        return mask.new_zeros(())


class Plain(Sound):
    def forward(self, x, edge_index, **kwargs):
        return tuple(super().forward(x, edge_index))


class OneShort(Sound):
    def forward(self, *args, **kwargs):
        mask, loss = super().forward(*args, **kwargs)
        return SparsifyOutput(torch.cat([mask, mask.new_ones(1)]), loss)


class Truth(Sound):
    def forward(self, *args, **kwargs):
        mask, loss = super().forward(*args, **kwargs)
        return SparsifyOutput(mask > 0.5, loss)


class Soft(Sound):
    def mask(self, x, edge_index):
        return 0.9 * super().mask(x, edge_index)


class DropsLoops(Sound):
    def forward(self, *args, **kwargs):
        mask, loss = super().forward(*args, **kwargs)
        return SparsifyOutput(mask - mask.detach(), loss)


class EmptyMean(Sound):
    def loss(self, mask):
        return mask.mean()  # of nothing at all


class LossOfEach(Sound):
    def loss(self, mask):
        return mask.new_zeros(2)


class Draws(Sound):
    def mask(self, x, edge_index):
        return (torch.rand(edge_index.size(1)) > 0.5).float()


class Drifts(Sound):
    calls = 0

    def mask(self, x, edge_index):
        self.calls += 1
        return (edge_index.sum(dim=0) % 3 == self.calls % 3).float()


class WritesToTheGraph(Sound):
    def mask(self, x, edge_index):
        x.mul_(2)
        return super().mask(x, edge_index)


class InfiniteSlope(Sound):
    def mask(self, x, edge_index):
        mask = super().mask(x, edge_index)
        if not self.training:
            return mask
        root = self.shift.abs().sqrt()
        return mask + (root - root.detach())


class LeavesTraining(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        self.train()
        return result


class KeepsAll(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        result.edge_index = data.edge_index
        return result


class NamesOthers(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        result.e_id = result.e_id.flip(0)
        return result


class ForgetsWeights(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        result.edge_weight = result.edge_weight.flip(0)
        return result


class ForgetsNames(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        result.edge_name = data.get("edge_name", [])
        return result


class LosesNodes(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        result.num_nodes = 1
        return result


class Marks(Sound):
    def sparsify(self, data):
        result = super().sparsify(data)
        data.seen = True
        return result


class Trains(Sound):
    def sparsify(self, data):
        self.shift.data.add_(1)
        return super().sparsify(data)


class TrainingDiffers(Sound):
    def mask(self, x, edge_index):
        mask = super().mask(x, edge_index)
        return 0.5 + 0 * mask if self.training else mask


class AnotherInBatches(Sound):
    """Keeps edges below the middle of all, whatever graph they are of."""

    def mask(self, x, edge_index):
        return (edge_index[0] < x.size(0) // 2).float()


@pytest.mark.parametrize("data", [None, Data(edge_index=torch.tensor([[0], [1]]))])
def test_a_sound_sparsifier_passes(data):
    if data is not None:
        data.num_nodes = 3
    assert_sparsifier(lambda graph: Sound(), data)


class Local(Sound):
    def mask(self, x, edge_index):
        return (x[edge_index[0], 0] > 0).float()


def test_a_local_one_passes():
    assert_sparsifier(lambda graph: Local(), local=True)


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        (Plain, "no SparsifyOutput"),
        (OneShort, "mask has shape"),
        (Truth, "torch.bool, not floating"),
        (Soft, "not 0 or 1"),
        (TrainingDiffers, "not 0 or 1"),
        (DropsLoops, "self loops: a self loop is gone"),
        (EmptyMean, "without edges: 'aux_loss' is nan"),
        (LossOfEach, "'aux_loss' has shape (2,)"),
        (Draws, "global random generator"),
        (Drifts, "second evaluation"),
        (WritesToTheGraph, "the graph given was changed"),
        (InfiniteSlope, "gradient of 'shift' is not finite"),
        (LeavesTraining, "another mode"),
        (KeepsAll, "does not keep the edges of the mask"),
        (NamesOthers, "'e_id' names other edges"),
        (ForgetsWeights, "'edge_weight' does not follow"),
        (ForgetsNames, "a list with an entry an edge"),
        (LosesNodes, "nodes are gone"),
        (Marks, "changes the graph given"),
        (Trains, "trains 'shift'"),
    ],
)
def test_each_broken_promise_is_named(broken, match):
    with pytest.raises(AssertionError, match=re.escape(match)):
        assert_sparsifier(lambda graph: broken())


def test_what_a_batch_changes_is_named():
    with pytest.raises(AssertionError, match="of a batch: keeps other edges alone"):
        assert_sparsifier(lambda graph: AnotherInBatches(), local=True)
    assert_sparsifier(lambda graph: AnotherInBatches())

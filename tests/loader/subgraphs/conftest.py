from itertools import product

import pytest
import torch
from torch_geometric.data import Data

from graphllm.loader.subgraphs.draws import WeightedDraws


@pytest.fixture
def graph(sbm):
    """Weights, directed and repeated edges, a self loop; 58 only sends, 59 is alone."""
    generator = torch.Generator().manual_seed(5)
    kept = sbm.edge_index[:, (sbm.edge_index < 58).all(dim=0)]
    more = torch.tensor([[0, 3, 3, 4, 58], [5, 9, 9, 4, 6]])
    sbm.edge_index = torch.cat([kept, more], dim=1)
    sbm.edge_weight = torch.rand(sbm.num_edges, generator=generator) + 0.5
    sbm.x = torch.randn(60, 4, generator=generator)
    return sbm


@pytest.fixture
def dense():
    """The weighted adjacency of a graph or of a batch, targets in rows."""

    def build(data, num_nodes=None, weighted=True):
        size = num_nodes or data.num_nodes
        matrix = torch.zeros(size, size, dtype=torch.double)
        weight = torch.ones(data.edge_index.size(1))
        if weighted and "edge_weight" in data:
            weight = data.edge_weight
        ids = data.n_id if num_nodes else torch.arange(size)
        source, target = ids[data.edge_index]
        return matrix.index_put_((target, source), weight.double(), accumulate=True)

    return build


@pytest.fixture
def small():
    """Five nodes with weighted edges: a self loop, a repeated edge, three labels."""
    source = torch.tensor([1, 2, 3, 0, 2, 3, 0, 1, 4, 1, 4, 0, 2, 3, 3, 0])
    target = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 4, 0])
    return Data(
        x=torch.tensor([[1.0], [-2.0], [0.5], [3.0], [1.5]]),
        y=torch.tensor([0, 1, 1, 0, 1]),
        edge_index=torch.stack([source, target]),
        edge_weight=torch.linspace(0.5, 2.0, 16),
        train_mask=torch.tensor([True, False, True, True, False]),
    )


@pytest.fixture
def every_outcome(monkeypatch):
    """All ways that weighted draws can come out, with their probabilities."""

    def run(make):
        script = []
        while True:
            choices, chance = [], [1.0]

            def draw(self, count, generator, choices=choices, chance=chance):
                items = self.probability.nonzero().view(-1).tolist()
                options = list(product(items, repeat=count))
                if len(choices) == len(script):
                    script.append(0)
                picked = torch.tensor(options[script[len(choices)]])
                choices.append(len(options))
                chance[0] *= float(self.probability[picked].prod())
                return picked

            monkeypatch.setattr(WeightedDraws, "draw", draw)
            outcome = make()
            yield chance[0], outcome
            while script and script[-1] + 1 == choices[len(script) - 1]:
                script.pop()
            if not script:
                return
            script[-1] += 1

    return run


@pytest.fixture
def training_loss():
    """The loss of a batch as its weights have it."""

    def of(loss, batch):
        if "loss_weight" not in batch:
            return loss[batch.train_mask].mean()
        return (loss * batch.loss_weight)[batch.train_mask].sum()

    return of

import pytest
import torch

from graphllm.loader import SaintEdge, SaintNode, SaintWalk
from graphllm.seed import generator


@pytest.mark.parametrize("scheme", [SaintNode(3, 1), SaintEdge(2, 1)])
def test_sums_and_losses_are_unbiased(
    scheme, small, dense, every_outcome, training_loss
):
    """Sums into a node given that it is there; the loss over all subgraphs."""
    bound = scheme.bind(small)
    loss = torch.tensor([1.0, 5.0, 0.25, 2.0, 7.0])
    rows = torch.zeros(5, 5, dtype=torch.double)
    there = torch.zeros(5, dtype=torch.double)
    mean = 0.0
    for chance, batch in every_outcome(lambda: next(bound.epoch(generator(0)), None)):
        if batch is None:
            continue
        mean += chance * float(training_loss(loss[batch.n_id], batch))
        rows += chance * dense(batch, 5)
        there[batch.n_id] += chance
    assert mean == pytest.approx(float(loss[small.train_mask].mean()))
    # subgraphs without a training node give no batch
    seeds = small.train_mask
    expected = there.view(-1, 1) * dense(small)
    assert torch.allclose(rows[seeds], expected[seeds], rtol=1e-5)
    n = int(seeds.sum())
    p = 1 / (n * bound.loss_weight.double())
    assert torch.allclose(there[seeds], p[seeds], rtol=1e-5)


def test_counted_subgraphs_come_near(small, dense, training_loss):
    """All walks of one step, with the weights that were counted before."""
    small.train_mask[:] = True
    bound = SaintWalk(1, 1, 1, coverage=1000).bind(small)
    loss = torch.tensor([1.0, 5.0, 0.25, 2.0, 7.0])
    rows = torch.zeros(5, 5, dtype=torch.double)
    there, mean = torch.zeros(5, 1, dtype=torch.double), 0.0
    for root in range(5):
        ahead = bound.csr.neighbors(root)
        for node in ahead.tolist():
            chance = 1 / 5 / ahead.numel()
            nodes = torch.tensor([root, node]).unique()
            bound.node_sets = lambda _, nodes=nodes: iter([nodes])
            (batch,) = bound.epoch(generator(0))
            mean += chance * float(training_loss(loss[batch.n_id], batch))
            rows += chance * dense(batch, 5)
            there[nodes] += chance
    assert mean == pytest.approx(float(loss.mean()), rel=0.05)
    assert torch.allclose(rows / there, dense(small), rtol=0.25)


@pytest.mark.parametrize(
    "scheme", [SaintNode(9, 3), SaintEdge(9, 3), SaintWalk(4, 2, 3)]
)
def test_as_many_subgraphs_as_steps(scheme, graph):
    graph.train_mask[:] = True
    bound = scheme.bind(graph)
    batches = list(bound.epoch(generator(0)))
    assert len(batches) == 3
    assert len({tuple(batch.n_id.tolist()) for batch in batches}) == 3
    for batch in batches:
        ids = bound.csr.edge_ids
        factor = torch.empty(graph.num_edges)
        factor[ids] = bound.edge_factor
        expected = factor[batch.e_id] * graph.edge_weight[batch.e_id]
        torch.testing.assert_close(batch.edge_weight, expected)
        assert batch.loss_weight.equal(bound.loss_weight[batch.n_id])


def test_a_self_loop_is_there_as_often_as_its_node(graph):
    for scheme in (SaintNode(9), SaintEdge(9), SaintWalk(4)):
        bound = scheme.bind(graph)
        loop = bound.csr.indices == bound.target
        assert bound.edge_factor[loop].tolist() == pytest.approx([1.0])

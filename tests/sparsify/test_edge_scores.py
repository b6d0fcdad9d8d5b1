import pytest
import torch

from graphllm.sparsify import edge_scores as module
from graphllm.sparsify.edge_scores import EdgeNetwork, edge_scores

NUM_NODES, HIDDEN, PRIORS, LEVELS = 9, 5, 2, 3


def example(num_edges=40):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    experts = PRIORS * LEVELS
    network = EdgeNetwork(
        normal(NUM_NODES, HIDDEN),
        normal(NUM_NODES, HIDDEN),
        normal(PRIORS, HIDDEN),
        normal(experts, HIDDEN),
        normal(experts),
    )
    edge_index = torch.randint(0, NUM_NODES, (2, num_edges), generator=generator)
    chosen = torch.stack([torch.randperm(6, generator=generator)[:2] for _ in range(9)])
    return network, edge_index, normal(num_edges, PRIORS), chosen


def one_by_one(network, edge_index, prior):
    """Every edge and expert on its own, as the formula reads."""
    score = torch.zeros(edge_index.size(1), 6, dtype=torch.float64)
    for edge, (j, i) in enumerate(edge_index.t().tolist()):
        for m in range(6):
            c = prior[edge, m // LEVELS]
            hidden = network.h_src[j] + network.h_dst[i]
            hidden = (hidden + c * network.prior_weight[m // LEVELS]).clamp(min=0)
            score[edge, m] = network.prior_scale[m] * c + network.out_weight[m] @ hidden
    return score


@pytest.mark.parametrize("chunk", [7, 40, 1 << 13])
def test_it_is_the_formula(monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    network, edge_index, prior, chosen = example()
    expected = one_by_one(network, edge_index, prior)
    score = edge_scores(network, edge_index, prior)
    torch.testing.assert_close(score, expected)
    score = edge_scores(network, edge_index, prior, chosen)
    asked = chosen[edge_index[1]]
    torch.testing.assert_close(score, expected.gather(1, asked))


@pytest.mark.parametrize("ask", [False, True])
def test_gradients(monkeypatch, ask):
    monkeypatch.setattr(module, "CHUNK", 4)
    network, edge_index, prior, chosen = example(10)
    leaves = [value.requires_grad_() for value in network]

    def score(*values):
        some = chosen if ask else None
        return edge_scores(EdgeNetwork(*values), edge_index, prior, some)

    assert torch.autograd.gradcheck(score, leaves)


def test_no_edges():
    network, edge_index, prior, chosen = example(0)
    assert edge_scores(network, edge_index, prior).shape == (0, 6)
    assert edge_scores(network, edge_index, prior, chosen).shape == (0, 2)

import pytest
import torch

from graphllm.errors import BudgetError
from graphllm.sparsify import SparsifierExperts


@pytest.fixture
def graph(sbm):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 8, generator=generator)
    prior = torch.randn(sbm.num_edges, 3, generator=generator)
    return x, sbm.edge_index, prior


def experts(**kwargs):
    torch.manual_seed(0)
    return SparsifierExperts(8, 3, (0.1, 0.3, 0.5), **kwargs)


def test_each_expert_has_a_criterion_and_a_sparsity():
    levels = experts().sparsity_of(torch.arange(9))
    assert levels.tolist() == [0.1, 0.3, 0.5] * 3
    assert levels.dtype == torch.float64


def test_it_is_the_formula(graph):
    x, edge_index, prior = graph
    net = experts(hidden_channels=4)
    src, dst = edge_index
    norm = torch.nn.LayerNorm(4, elementwise_affine=False)
    ends = norm(net.lin_src(x))[src] + norm(net.lin_dst(x))[dst] + net.bias
    score = net(x, edge_index, prior)
    for m in range(9):
        c = prior[:, m // 3]
        hidden = (ends + c.view(-1, 1) * net.prior_weight[m // 3]).relu()
        z = net.prior_scale[m] * c + hidden @ net.out_weight[m]
        for node in range(0, 60, 7):
            row = z[dst == node]
            if row.numel() > 1:
                expected = (row - row.mean()) / row.std(correction=0)
                torch.testing.assert_close(
                    score[dst == node, m], expected, atol=1e-4, rtol=1e-4
                )


def test_at_first_each_expert_ranks_by_its_own_criterion(graph):
    x, edge_index, prior = graph
    score = experts()(x, edge_index, prior).detach()
    target = edge_index[1]
    same_row = target.view(-1, 1) == target
    for m in range(9):
        value = prior[:, m // 3]
        # Pairs of a row that the criterion tells apart by more than a tenth.
        apart = same_row & (value.view(-1, 1) > value + 0.1)
        agree = score[:, m].view(-1, 1) > score[:, m]
        assert bool(agree[apart].all())
        assert int(apart.sum()) > 100


def test_rows_are_standardised(graph):
    x, edge_index, prior = graph
    score = experts()(x, edge_index, prior).detach().double()
    for node in range(60):
        row = score[edge_index[1] == node]
        if len(row) > 1:
            assert float(row.mean(dim=0).abs().max()) < 1e-5
            assert float((row.std(dim=0, correction=0) - 1).abs().max()) < 1e-4
        else:
            assert row.tolist() == [[0.0] * 9] * len(row)


def test_chosen_experts_are_columns_of_all(graph):
    x, edge_index, prior = graph
    net = experts()
    chosen = torch.rand(60, 9).topk(2).indices
    every = net(x, edge_index, prior)
    some = net(x, edge_index, prior, chosen)
    torch.testing.assert_close(
        some, every.gather(1, chosen[edge_index[1]]), atol=1e-5, rtol=1e-4
    )


def test_gradients_reach_every_parameter_of_every_expert(graph):
    x, edge_index, prior = graph
    net = experts()
    (net(x, edge_index, prior) * torch.randn(edge_index.size(1), 9)).sum().backward()
    for parameter in net.parameters():
        assert bool((parameter.grad != 0).any(dim=-1).all())


def test_features_of_any_size_and_kind(graph):
    _, edge_index, prior = graph
    net = experts()
    for x in (torch.full((60, 8), 1e6), torch.zeros(60, 8), torch.ones(60, 8).long()):
        score = net(x, edge_index, prior)
        score.square().sum().backward()
        assert bool(score.isfinite().all())
        assert all(bool(p.grad.isfinite().all()) for p in net.parameters())


def test_wrong_sparsities_are_refused():
    with pytest.raises(BudgetError, match="'sparsities' is empty"):
        SparsifierExperts(8, 3, ())
    with pytest.raises(BudgetError, match=r"got 1\.5"):
        SparsifierExperts(8, 3, (0.1, 1.5))

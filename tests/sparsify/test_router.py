import copy
import math

import pytest
import torch

from graphllm.errors import BudgetError
from graphllm.sparsify import NoisyTopKRouter


@pytest.fixture
def x():
    return torch.randn(50, 6, generator=torch.Generator().manual_seed(0))


def router(k=2, num_experts=5, **kwargs):
    torch.manual_seed(1)
    return NoisyTopKRouter(6, num_experts, k, **kwargs)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("training", [True, False])
def test_rows_sum_to_one_with_k_non_zeros(x, k, training):
    gates = router(k).train(training)(x)
    assert gates.shape == (50, 5)
    assert torch.equal((gates > 0).sum(dim=1), torch.full((50,), k))
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(50))


def test_evaluation_is_the_softmax_of_the_best_logits(x):
    net = router(2).eval()
    net.weight.data.normal_()
    net.bias.data.normal_()
    logits = (x @ net.weight + net.bias).detach()
    expected = torch.zeros(50, 5)
    for node in range(50):
        first, second = sorted(range(5), key=lambda m: -float(logits[node, m]))[:2]
        odds = math.exp(float(logits[node, second] - logits[node, first]))
        expected[node, first] = 1 / (1 + odds)
        expected[node, second] = odds / (1 + odds)
    torch.testing.assert_close(net(x).detach(), expected)
    assert torch.equal(net(x), net(x))


def test_gates_are_nearly_even_at_first(x):
    gates = router(2).eval()(x).detach()
    assert float((gates[gates > 0] - 0.5).abs().max()) < 0.05
    # And yet not all nodes ask the same experts.
    assert int((gates > 0).any(dim=0).sum()) > 2


def test_noise_comes_from_torch_in_training_only(x):
    net = router()
    torch.manual_seed(3)
    first = net(x)
    torch.manual_seed(3)
    assert torch.equal(net(x), first)
    assert not torch.equal(net(x), first)
    net.eval()
    state = torch.get_rng_state()
    net(x)
    assert torch.equal(torch.get_rng_state(), state)


def test_noise_has_the_deviation_that_is_learned():
    net = NoisyTopKRouter(1, 2, 1, noise_eps=0.5)
    net.weight.data.zero_()
    net.noise_weight.data.copy_(torch.tensor([[-50.0, 2.0]]))
    torch.manual_seed(0)
    # Noise of 0.5 against noise of softplus(2) + 0.5: the difference is compared with
    # a logit of 1 on the first expert.
    net.weight.data[0, 0] = 1.0
    share = float(net(torch.ones(20000, 1))[:, 0].detach().mean())
    spread = math.hypot(0.5, math.log1p(math.exp(2.0)) + 0.5)
    expected = 0.5 * (1 + math.erf(1 / spread / math.sqrt(2)))
    assert abs(share - expected) < 0.015


def test_gradients_reach_both_weights(x):
    net = router()
    (net(x) * torch.randn(50, 5)).sum().backward()
    assert bool((net.weight.grad.abs().sum(dim=0) > 0).all())
    assert bool((net.noise_weight.grad.abs().sum(dim=0) > 0).all())


def test_the_load_is_the_chance_to_be_among_the_k():
    net = router(2, num_experts=4)
    x = torch.randn(1, 6, generator=torch.Generator().manual_seed(2))
    net.weight.data.normal_()
    torch.manual_seed(5)
    net(x)
    load = net.load.detach()
    clean = (x @ net.weight).detach()[0]
    std = float(torch.nn.functional.softplus(torch.zeros(1))) + 1e-2
    torch.manual_seed(5)
    noisy = clean + std * torch.randn(1, 4)[0]
    # Redraw the noise of one expert at a time, the others as they are.
    fresh = torch.randn(200000, generator=torch.Generator().manual_seed(7)) * std
    for m in range(4):
        rival = noisy[[o for o in range(4) if o != m]].sort().values[-2]
        counted = float((clean[m] + fresh > rival).float().mean())
        assert abs(float(load[m]) - counted) < 0.01


def test_balance_is_zero_for_even_use_and_grows_with_uneven_use():
    net = router(1, num_experts=2).eval()
    assert float(net.balance_loss().detach()) == 0.0
    net.weight.data.copy_(torch.tensor([[1.0, -1.0]] + [[0.0, 0.0]] * 5))
    x = torch.zeros(4, 6)
    x[:, 0] = torch.tensor([1.0, 1.0, -1.0, -1.0])
    net(x)
    assert torch.equal(net.load, torch.tensor([2.0, 2.0]))
    assert float(net.balance_loss().detach()) == pytest.approx(0.0)
    net(x.abs())
    # All four at one of two experts: mean 2, variance 4, squared variation 1.
    assert float(net.balance_loss().detach()) == pytest.approx(2.0)
    assert float(net.balance_loss(0.5, 0.25).detach()) == pytest.approx(0.75)


def test_balance_trains_the_router(x):
    net = router()
    net(x)
    net.balance_loss().backward()
    assert float(net.weight.grad.abs().sum()) > 0
    assert float(net.noise_weight.grad.abs().sum()) > 0


def test_all_experts_at_once_have_an_even_load(x):
    net = router(5)
    net(x)
    assert torch.equal(net.load, torch.full((5,), 50.0))


def test_copies_carry_no_pass(x):
    net = router()
    net(x)
    assert copy.deepcopy(net).load is None
    assert net.load is not None


def test_whole_numbers_and_no_nodes():
    net = router()
    assert net(torch.ones(3, 6, dtype=torch.long)).shape == (3, 5)
    assert net(torch.zeros(0, 6)).shape == (0, 5)
    assert float(net.balance_loss().detach()) == 0.0


@pytest.mark.parametrize("k", [0, 6, -1])
def test_an_impossible_k_is_refused(k):
    with pytest.raises(BudgetError, match=rf"'k' must be in \[1, 5\] \(got {k}\)"):
        NoisyTopKRouter(6, 5, k)

import copy

import pytest
import torch
from torch import nn

from graphllm.errors import GraphLLMError
from graphllm.soup import recalibrate_batchnorm
from graphllm.soup.batchnorm import evaluating

X = torch.randn(50, 3) * 2 + 1


@pytest.fixture
def model():
    net = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 5)
    )
    net.append(nn.BatchNorm1d(5, momentum=0.3))
    net.eval()
    net[0].train()
    return net


def test_one_pass_gives_the_statistics_of_the_data(model):
    before = copy.deepcopy(model)
    result = recalibrate_batchnorm(model, lambda net: net(X))
    assert result is model
    hidden = model[0](X)
    assert torch.allclose(model[1].running_mean, hidden.mean(0), atol=1e-6)
    assert torch.allclose(model[1].running_var, hidden.var(0), atol=1e-6)
    # The second layer sees the first one's normalised output, without dropout.
    normed = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    deeper = model[3](normed)
    assert torch.allclose(model[4].running_mean, deeper.mean(0), atol=1e-5)
    assert torch.allclose(model[4].running_var, deeper.var(0), atol=1e-5)
    # All else is as it was.
    for old, new in zip(before.parameters(), model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None
    assert [m.training for m in model.modules()] == [
        m.training for m in before.modules()
    ]
    assert (model[1].momentum, model[4].momentum) == (0.1, 0.3)


def test_several_passes_count_alike(model):
    def forward(net):
        for batch in X.split(10):
            net(batch)

    recalibrate_batchnorm(model, forward)
    parts = model[0](X).view(5, 10, 4)
    assert torch.allclose(model[1].running_mean, parts.mean(1).mean(0), atol=1e-6)
    assert torch.allclose(model[1].running_var, parts.var(1).mean(0), atol=1e-6)
    assert model[1].num_batches_tracked == 5


def test_what_was_measured_before_does_not_matter(model):
    other = copy.deepcopy(model)
    other.train()
    other(X * 9)
    for net in (model, other):
        recalibrate_batchnorm(net, lambda net: net(X))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def test_a_layer_that_is_not_run_keeps_its_statistics(model):
    model[4].running_mean.fill_(7.0)
    model[4].num_batches_tracked.fill_(3)
    recalibrate_batchnorm(model, lambda net: net[:3](X))
    assert model[4].running_mean.tolist() == [7.0] * 5
    assert model[4].num_batches_tracked == 3
    assert model[1].num_batches_tracked == 1


def test_a_pass_that_fails_changes_nothing(model):
    before = copy.deepcopy(model.state_dict())
    modes = [m.training for m in model.modules()]

    def fails(net):
        net(X)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        recalibrate_batchnorm(model, fails)
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert model[4].momentum == 0.3


def test_without_statistics_nothing_is_run():
    def never(_):
        raise AssertionError

    for net in (nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)):
        assert recalibrate_batchnorm(net, never) is net


def test_a_forward_that_runs_nothing(model):
    with pytest.raises(GraphLLMError, match="'forward' ran no BatchNorm layer"):
        recalibrate_batchnorm(model, lambda net: None)


def test_evaluating_is_for_a_while(model):
    model.train()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    with evaluating(model, batch_statistics=True):
        assert [m.training for m in model] == [False, True, False, False, True]
    assert all(module.training for module in model.modules())

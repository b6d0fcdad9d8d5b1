import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from graphllm.experiments.ladling.norms import norm_one_by_one


def stacked(norms):
    """State of several modules, one tensor a name."""
    states = [copy.deepcopy(norm.state_dict()) for norm in norms]
    return {name: torch.stack([s[name] for s in states]) for name in states[0]}


@pytest.mark.parametrize("channels", [5, 40])
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"track_running_stats": False}, {"eps": 0.1}]
)
def test_each_network_is_normalised_as_alone(channels, options):
    norms = [nn.BatchNorm1d(channels, **options) for _ in range(3)]
    for parameter in (p for norm in norms for p in norm.parameters()):
        nn.init.normal_(parameter)
    state = stacked(norms)
    x = torch.randn(3, 20, channels, requires_grad=True)
    host = norm_one_by_one(nn.Sequential(copy.deepcopy(norms[0])))

    def one(state, x):
        named = {f"0.{name}": tensor for name, tensor in state.items()}
        return functional_call(host, named, (x,))

    for training in (True, False):
        host.train(training)
        out = vmap(one)(state, x)
        expected = torch.stack(
            [norm.train(training)(h) for norm, h in zip(norms, x, strict=True)]
        )
        assert torch.allclose(out, expected, atol=1e-5)
        weigh = torch.randn_like(out)
        ours, theirs = (
            torch.autograd.grad((each * weigh).sum(), x)[0] for each in (out, expected)
        )
        assert torch.allclose(ours, theirs, atol=1e-5)
    for name, tensor in stacked(norms).items():
        assert torch.allclose(state[name], tensor, atol=1e-6), name


def test_input_that_networks_share():
    norms = [nn.BatchNorm1d(40) for _ in range(2)]
    nn.init.normal_(norms[1].weight)
    host, x = norm_one_by_one(copy.deepcopy(norms[0])), torch.randn(9, 40)
    out = vmap(lambda state: functional_call(host, state, (x,)))(stacked(norms))
    for row, norm in zip(out, norms, strict=True):
        assert torch.allclose(row, norm(x), atol=1e-6)


def test_averages_over_all_batches_stay_with_torch():
    norm = nn.BatchNorm1d(40, momentum=None)
    assert "forward" not in vars(norm_one_by_one(norm))
    assert "forward" in vars(norm_one_by_one(nn.BatchNorm1d(40)))

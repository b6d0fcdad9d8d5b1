import pytest
import torch
from torch import nn
from torch.func import vmap

from graphllm.experiments.ladling.dropout import Draws, SeededDropout, seed_dropout
from graphllm.models import make_backbone
from graphllm.models.dropout import Dropout


def test_masks_depend_on_seed_epoch_and_order_alone():
    layer = SeededDropout(0.5, Draws([3]))
    x = torch.ones(40, 7)

    def epoch(number, disturb=False):
        layer.draws.start(number)
        if disturb:
            torch.rand(5)
        return layer(x), layer(x)

    first = epoch(1)
    assert not torch.equal(*first)
    assert all(map(torch.equal, first, epoch(1, disturb=True)))
    assert not torch.equal(first[0], epoch(2)[0])
    other = SeededDropout(0.5, Draws([4]))
    other.draws.start(1)
    assert not torch.equal(first[0], other(x))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_entries_are_dropped_with_their_probability_and_scaled_up(p):
    draws = Draws([0])
    draws.start(1)
    out = SeededDropout(p, draws)(torch.full((1000, 101), 2.0))
    kept = out != 0
    # Five standard deviations of a mean of 101,000 draws.
    assert abs(float(kept.float().mean()) - (1 - p)) < 5 * 0.5 / 101_000**0.5
    assert torch.allclose(out[kept], torch.tensor(2.0 / (1 - p)))


def test_nothing_is_dropped_in_evaluation_or_at_zero():
    x = torch.ones(3, 3)
    layer = SeededDropout(0.5, Draws([0]))
    assert layer.eval()(x) is x
    assert SeededDropout(0.0, Draws([0]))(x) is x


@pytest.mark.parametrize("shared_input", [True, False])
def test_under_vmap_each_network_has_the_masks_of_its_own_seed(shared_input):
    seeds = [5, 6, 7]
    x = torch.randn(3, 6, 4)
    inputs = x[:1].expand(3, -1, -1) if shared_input else x
    expected = []
    for seed, row in zip(seeds, inputs, strict=True):
        layer = SeededDropout(0.4, Draws([seed]))
        layer.draws.start(2)
        expected.append(layer(row))
    draws = Draws(seeds)
    layer = SeededDropout(0.4, draws)

    def one(row, which):
        draws.which = which
        return layer(row)

    draws.start(2)
    dims = (None, 0) if shared_input else (0, 0)
    out = vmap(one, dims)(x[0] if shared_input else x, torch.arange(3))
    assert torch.equal(out, torch.stack(expected))
    draws.keep([2, 0])
    draws.start(2)
    out = vmap(one)(inputs[[2, 0]], torch.arange(2))
    assert torch.equal(out, torch.stack([expected[2], expected[0]]))


def test_gradients_pass_where_entries_passed():
    x = torch.ones(9, 5, requires_grad=True)
    layer = SeededDropout(0.5, Draws([0]))
    layer.draws.start(1)
    out = layer(x)
    out.sum().backward()
    assert torch.equal(x.grad, out)


@pytest.mark.parametrize("name", ["gcn", "sage", "gcnii", "resgcn", "sgc", "jknet"])
def test_every_dropout_of_a_network_is_replaced(name):
    model = make_backbone(name, 4, 5, 3, 3, dropout=0.3)
    draws = Draws([0])
    before = list(model.state_dict())
    seed_dropout(model, draws)
    kinds = [type(module) for module in model.modules()]
    assert SeededDropout in kinds
    assert Dropout not in kinds
    assert nn.Dropout not in kinds
    assert list(model.state_dict()) == before
    assert all(m.p == 0.3 for m in model.modules() if isinstance(m, SeededDropout))


def test_one_dropout_under_two_names_is_replaced_twice():
    model = nn.Module()
    model.a = model.b = nn.Dropout(0.5)
    seed_dropout(model, Draws([0]))
    assert isinstance(model.a, SeededDropout)
    assert isinstance(model.b, SeededDropout)

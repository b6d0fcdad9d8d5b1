import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from graphllm.errors import GraphLLMError
from graphllm.soup import average, interpolate


def network(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    for _ in range(seed + 1):
        model(torch.randn(5, 3) + seed)
    return model.state_dict()


def same(a, b):
    assert list(a) == list(b)
    assert all(a[name].dtype == b[name].dtype for name in a)
    return all(torch.equal(a[name], b[name]) for name in a)


def test_by_hand():
    a = {"w": torch.tensor([1.0, -2.0]), "n": torch.tensor(5)}
    b = {"w": torch.tensor([4.0, 8.0]), "n": torch.tensor(9)}
    assert average([a, b])["w"].tolist() == [2.5, 3.0]
    soup = average([a, b], [0.25, 0.75])
    assert soup["w"].tolist() == [3.25, 5.5]
    assert soup["n"] == 5
    assert average([a, b], torch.tensor([2.0, -1.0]))["w"].tolist() == [-2.0, -12.0]


def test_the_ends_are_the_networks_bit_by_bit():
    a, b = network(0), network(3)
    assert same(interpolate(a, b, 1.0), a)
    assert same(interpolate(a, b, 0.0), b)
    assert same(average([a, b, a], [0.0, 1.0, 0.0]), b)
    middle = interpolate(a, b, 0.25)
    assert torch.allclose(
        middle["0.weight"], 0.25 * a["0.weight"] + 0.75 * b["0.weight"]
    )
    assert middle["1.num_batches_tracked"] == 1  # a's


def test_a_broken_network_of_weight_zero_is_not_read():
    a = network(0)
    broken = {n: t * float("nan") if t.is_floating_point() else t for n, t in a.items()}
    assert same(interpolate(a, broken, 1.0), a)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.lists(st.floats(-1, 1), min_size=7, max_size=7))
def test_identical_ingredients_give_the_same_network(count, raw):
    state = network(1)
    weights = raw[: count - 1]
    weights.append(1.0 - sum(weights))
    assert same(average([state] * count), state)
    assert same(average([dict(state) for _ in range(count)], weights), state)


def test_infinite_entries_on_which_all_agree_stay():
    mask = {"mask": torch.tensor([0.0, -torch.inf])}
    copied = copy.deepcopy(mask)
    assert average([mask, copied, copied])["mask"].tolist() == [0.0, -torch.inf]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_are_wide_and_the_result_is_not(dtype):
    # In half precision 2048 + 1 is 2048 and 60000 + 60000 is infinite.
    states = [{"w": torch.tensor([2048.0, 16384.0]).to(dtype)}]
    states += [{"w": torch.tensor([1.0, 16384.0]).to(dtype)} for _ in range(7)]
    soup = average(states)["w"]
    exact = (torch.stack([s["w"].double() for s in states]).mean(0)).to(dtype)
    assert soup.dtype == dtype
    assert torch.equal(soup, exact)


def test_doubles_stay_doubles():
    a = {"w": torch.tensor([1.0], dtype=torch.float64)}
    b = {"w": torch.tensor([1.0 + 1e-12], dtype=torch.float64)}
    assert average([a, b])["w"].item() == pytest.approx(1.0 + 5e-13, abs=1e-15)


def test_tied_parameters_are_averaged_once_and_stay_tied():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(5, 3)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight

    models = [Tied(), Tied()]
    soup = average([model.state_dict() for model in models])
    assert soup["head.weight"] is soup["embed.weight"]
    mean = (models[0].embed.weight + models[1].embed.weight) / 2
    assert torch.allclose(soup["embed.weight"], mean)
    models[0].load_state_dict(soup)
    assert models[0].head.weight is models[0].embed.weight


def test_data_parallel_goes_with_the_bare_module():
    models = [nn.Linear(2, 2), nn.Linear(2, 2)]
    wrapped = nn.DataParallel(models[1])
    soup = average([models[0].state_dict(), wrapped.state_dict()])
    assert torch.allclose(soup["weight"], (models[0].weight + models[1].weight) / 2)
    wrapped.load_state_dict(average([wrapped.state_dict(), models[0].state_dict()]))
    assert torch.equal(models[1].weight, soup["weight"])


def test_nothing_given_is_changed():
    states = [network(0), network(1)]
    before = copy.deepcopy(states)
    soup = average(states)
    for tensor in soup.values():
        tensor.zero_()
    assert all(same(a, b) for a, b in zip(states, before, strict=True))


def test_bad_arguments():
    a = {"w": torch.ones(1)}
    with pytest.raises(GraphLLMError, match=r"no state dicts .*got 0"):
        average([])
    with pytest.raises(GraphLLMError, match=r"one number a state dict \(got 1 for 2\)"):
        average([a, a], [1.0])
    with pytest.raises(GraphLLMError, match=r"sum to one \(got 3\); divide"):
        average([a, a], [1.0, 2.0])
    with pytest.raises(GraphLLMError, match=r"sum to one \(got nan\)"):
        average([a, a], [float("nan"), 1.0])
    with pytest.raises(GraphLLMError, match="'alpha' must be finite"):
        interpolate(a, a, float("inf"))
    with pytest.raises(GraphLLMError, match="'w' is"):
        interpolate(a, {"w": torch.ones(2)}, 0.5)

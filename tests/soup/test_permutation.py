from itertools import pairwise, permutations, product

import numpy as np
import pytest
import torch
from torch import nn

from graphllm.errors import GraphLLMError
from graphllm.soup import align_permutation


def mlp(*widths):
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-2])
    model(torch.randn(20, widths[0]))
    return model.eval()


def spec_of(count):
    """Of an mlp with so many hidden layers."""
    return {
        f"hidden{number}": [
            *((f"{3 * number}.{name}", 0) for name in ("weight", "bias")),
            *(
                (f"{3 * number + 1}.{name}", 0)
                for name in ("weight", "bias", "running_mean", "running_var")
            ),
            (f"{3 * number + 3}.weight", 1),
        ]
        for number in range(count)
    }


def permuted(state, spec, seed):
    random = torch.Generator().manual_seed(seed)
    state = dict(state)
    for axes in spec.values():
        name, axis = axes[0]
        order = torch.randperm(state[name].size(axis), generator=random)
        for name, axis in axes:
            state[name] = state[name].index_select(axis, order)
    return state


@pytest.mark.parametrize("widths", [(3, 8, 2), (4, 16, 16, 16, 3), (2, 5, 30, 6, 4)])
@pytest.mark.parametrize("seed", range(3))
def test_a_permuted_copy_is_found_exactly(widths, seed):
    torch.manual_seed(seed)
    model, spec = mlp(*widths), spec_of(len(widths) - 2)
    state = model.state_dict()
    other = permuted(state, spec, seed)
    assert not torch.equal(other["0.weight"], state["0.weight"])
    aligned = align_permutation(state, other, spec)
    assert list(aligned) == list(state)
    assert all(torch.equal(aligned[name], state[name]) for name in state)


@pytest.mark.parametrize("seed", range(4))
def test_the_network_computes_what_it_did(seed):
    torch.manual_seed(seed)
    model, spec = mlp(3, 6, 7, 2), spec_of(2)
    a, b = mlp(3, 6, 7, 2).state_dict(), model.state_dict()
    x = torch.randn(9, 3)
    before = model(x)
    aligned = align_permutation(a, b, spec)
    model.load_state_dict(aligned)
    assert torch.allclose(model(x), before, atol=1e-5)


def similarity(a, b):
    return sum(float((a[n].double() * b[n].double()).sum()) for n in a)


@pytest.mark.parametrize("seed", range(3))
def test_one_hidden_layer_is_matched_as_well_as_can_be(seed):
    torch.manual_seed(seed)
    a, b = (nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3)) for _ in range(2))
    a, b = a.state_dict(), b.state_dict()
    axes = [("0.weight", 0), ("0.bias", 0), ("1.weight", -1)]
    aligned = align_permutation(a, b, {"hidden": axes})
    best = max(
        similarity(
            a,
            {
                **b,
                "0.weight": b["0.weight"][list(order)],
                "0.bias": b["0.bias"][list(order)],
                "1.weight": b["1.weight"][:, list(order)],
            },
        )
        for order in permutations(range(4))
    )
    assert similarity(a, aligned) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(3))
def test_no_single_layer_can_be_matched_better(seed):
    torch.manual_seed(seed)
    a, b = mlp(2, 3, 3, 2).state_dict(), mlp(2, 3, 3, 2).state_dict()
    spec = spec_of(2)
    found = similarity(a, align_permutation(a, b, spec))
    assert found >= similarity(a, b) - 1e-6
    aligned = align_permutation(a, b, spec)
    for layer, order in product(spec, permutations(range(3))):
        moved = dict(aligned)
        for name, axis in spec[layer]:
            moved[name] = moved[name].index_select(axis, torch.tensor(order))
        assert similarity(a, moved) <= found + 1e-5


def test_networks_in_the_same_order_stay():
    torch.manual_seed(1)
    a, spec = mlp(3, 6, 6, 2).state_dict(), spec_of(2)
    b = {
        n: t + 0.01 * torch.randn_like(t) if t.is_floating_point() else t
        for n, t in a.items()
    }
    aligned = align_permutation(a, b, spec)
    assert all(torch.equal(aligned[name], b[name]) for name in b)


@pytest.mark.parametrize("seed", [2, 3, 7, 21, 22])
def test_never_less_alike_than_before(seed):
    # One input says too little about the first layer: the forward sweep misleads.
    torch.manual_seed(seed)
    a, spec = mlp(1, 5, 5, 2).state_dict(), spec_of(2)
    b = {
        n: t + 0.3 * torch.randn_like(t) if t.is_floating_point() else t
        for n, t in a.items()
    }
    found = similarity(a, align_permutation(a, b, spec))
    assert found >= similarity(a, b) - 1e-6


def test_a_skip_connection_shares_one_order():
    # x -> h = Ax, h + Wh, Bh: the units of h number both axes of W.
    random = np.random.default_rng(0)
    a = {
        "A": torch.from_numpy(random.normal(size=(5, 8))),
        "W": torch.from_numpy(random.normal(size=(5, 5))),
        "B": torch.from_numpy(random.normal(size=(2, 5))),
    }
    order = [3, 0, 4, 1, 2]
    b = {"A": a["A"][order], "W": a["W"][order][:, order], "B": a["B"][:, order]}
    spec = {"h": [("A", 0), ("W", 0), ("W", 1), ("B", 1)]}
    aligned = align_permutation(a, b, spec)
    assert all(torch.equal(aligned[name], a[name]) for name in a)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ([("no", 0)], "'spec' of 'h' names the tensor 'no', which the networks lack"),
        ([("A", 2)], r"names axis 2 of 'A', which has shape \(3, 2\)"),
        ([("A", 0), ("A", 1)], "axis 1 of 'A' has 2 entries, others 3"),
        ([("A", 0), ("A", -2)], "names axis -2 of 'A' twice"),
        ([], "'spec' of 'h' is empty"),
    ],
)
def test_a_spec_that_does_not_fit(axes, message):
    state = {"A": torch.ones(3, 2)}
    with pytest.raises(GraphLLMError, match=message):
        align_permutation(state, state, {"h": axes})


def test_other_networks_are_refused():
    with pytest.raises(GraphLLMError, match="'A' is"):
        align_permutation({"A": torch.ones(2)}, {"A": torch.ones(3)}, {})

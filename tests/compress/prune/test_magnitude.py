import pytest
import torch

from graphllm.compress import Magnitude, compress_
from graphllm.compress.prune import magnitude_mask
from graphllm.compress.prune.magnitude import global_bound, magnitude_bits
from graphllm.errors import CompressionError, UnknownNameError


def brute_force(values, count):
    """Positions of the smallest, of equal ones the first."""
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    return set(order[:count])


@pytest.mark.parametrize("scope", ["matrix", "row"])
def test_masks_against_brute_force(scope):
    weight = torch.randint(-3, 4, (6, 10)).float()
    mask = magnitude_mask(weight, 0.37, scope)
    rows = weight.abs().view(1, -1) if scope == "matrix" else weight.abs()
    expected = [brute_force(row.tolist(), int(0.37 * len(row))) for row in rows]
    found = [set((~row).nonzero().flatten().tolist()) for row in mask.view(rows.shape)]
    assert found == expected


def test_the_global_bound_against_sorting():
    weights = [torch.randn(7, 5), torch.randint(-2, 3, (4, 6)) / 4]
    sizes = torch.cat([each.flatten().abs() for each in weights]).sort().values
    for count in (1, 10, 30, 59):
        bits, ties = global_bound(lambda: iter(weights), count)
        bound = torch.tensor(bits, dtype=torch.int32).view(torch.float32)
        assert bound == sizes[count - 1]
        assert ties == count - int((sizes < bound).sum())
    assert torch.equal(
        magnitude_bits(torch.tensor([-1.5])), magnitude_bits(torch.tensor([1.5]))
    )


def test_the_global_scope_against_sorting(tiny_model):
    model = tiny_model("gpt2")
    layers = {
        name: each
        for name, each in model.named_parameters()
        if name.startswith("transformer.h") and each.dim() == 2
    }
    with torch.no_grad():
        for each in layers.values():  # many ties, within a layer and between them
            each.copy_((each * 8).round() / 8)
    sizes = torch.cat([each.flatten().abs() for each in layers.values()])
    count = int(0.6 * sizes.numel())
    bound = sizes.sort().values[count - 1]
    above = {name: int((each.abs() > bound).sum()) for name, each in layers.items()}
    report = compress_(model, Magnitude(0.6, scope="global"))
    assert sum(int((each == 0).sum()) for each in layers.values()) == count
    assert sum(each.kept_parameters for each in report.layers) == sizes.numel() - count
    for name, each in layers.items():
        assert int((each.abs() > bound).sum()) == above[name]
        assert bool((each[each != 0].abs() >= bound).all())


@pytest.mark.parametrize("scope", ["matrix", "row", "global"])
def test_the_model_loses_its_share(tiny_model, scope):
    report = compress_(tiny_model("llama"), Magnitude(0.25, scope=scope))
    kept = sum(each.kept_parameters for each in report.layers)
    total = sum(each.parameters for each in report.layers)
    assert kept == total * 3 // 4


def test_a_pattern_holds_in_every_group(tiny_model):
    model = tiny_model("gpt2")
    compress_(model, Magnitude(pattern="1:4"))
    # Conv1D is transposed: its inputs are the rows.
    weight = model.transformer.h[0].mlp.c_fc.weight.T
    assert (weight.unflatten(1, (-1, 4)).count_nonzero(-1) == 1).all()


def test_blocks_get_their_own_ratio(tiny_model):
    model = tiny_model("llama")
    config = Magnitude(0.5, allocate="alpha")
    ratios = config.block_ratios(model, None)
    report = compress_(model, config)
    assert len(set(ratios)) == 3
    for layer in report.layers:
        block = int(layer.name.split(".")[2])
        assert layer.sparsity == pytest.approx(ratios[block], abs=1 / 512)


@pytest.mark.parametrize(
    "options", [{"pattern": "2:4"}, {"ratio": 0.5, "allocate": "owl"}]
)
def test_the_global_scope_goes_alone(options):
    with pytest.raises(
        CompressionError, match="goes with neither 'pattern' nor 'allocate'"
    ):
        Magnitude(**options, scope="global")


def test_an_unknown_scope():
    with pytest.raises(UnknownNameError, match=r"unknown scope 'rows'.*'row'"):
        Magnitude(0.5, scope="rows")

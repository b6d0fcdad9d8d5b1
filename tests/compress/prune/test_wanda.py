import pytest
import torch

from graphllm.compress import Calibration, Wanda, compress_, linears, weight_of
from graphllm.compress.prune import magnitude_mask, wanda_mask
from graphllm.errors import CompressionError


def test_by_hand():
    weight = torch.tensor([[1.0, -2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]])
    norm = torch.tensor([10.0, 1.0, 1.0, 1.0])
    # Scores are 10 2 3 4 and 40 3 2 1.
    expected = [[True, False, False, True], [True, True, False, False]]
    assert wanda_mask(weight, norm, 0.5).tolist() == expected


def test_inputs_of_one_norm_give_magnitude_by_rows():
    weight = torch.randn(8, 20)
    norm = torch.full((20,), 3.0)
    assert torch.equal(
        wanda_mask(weight, norm, 0.4), magnitude_mask(weight, 0.4, "row")
    )


def test_equal_scores_go_by_their_place():
    weight = torch.ones(2, 4)
    mask = wanda_mask(weight, torch.ones(4), 0.5)
    assert mask.tolist() == [[False, False, True, True]] * 2


def test_the_variant_takes_the_same_part_of_every_row():
    weight, norm = torch.randn(12, 50).double(), torch.rand(50).double()
    weight[:6] = weight[:6] ** 3  # rows with more small weights lose more of them
    mask = wanda_mask(weight, norm, 0.5, variant=True)
    assert int((~mask).sum()) == 300
    scores = weight.abs() * norm
    lost = (scores * ~mask).sum(1) / scores.sum(1)
    following = scores.where(mask, torch.inf).amin(1) / scores.sum(1)
    # The authors' rule: there is one bound that no row exceeds and that the next
    # weight of each row would exceed.
    assert lost.max() <= (lost + following).min() + 1e-12
    counts = (~mask).sum(1)
    assert counts[:6].min() > counts[6:].max()
    for row in range(12):  # within a row, the smallest go
        gone, left = scores[row][~mask[row]], scores[row][mask[row]]
        assert gone.max() <= left.min()


def test_the_model_is_pruned_by_its_own_inputs(tiny_model, tiny_tokens):
    model, dense = tiny_model("llama"), tiny_model("llama")
    ids, seen = tiny_tokens(6, 20), {}
    for name, linear in linears(dense.model.layers[0]).items():
        linear.register_forward_pre_hook(
            lambda _, given, name=name: seen.update({name: given[0].flatten(0, 1)})
        )
    with torch.no_grad():
        dense(ids)
    compress_(model, Wanda(0.5), Calibration(ids))
    for name, linear in linears(model.model.layers[0]).items():
        weight = weight_of(dense.model.layers[0].get_submodule(name))
        scores = weight.abs() * seen[name].norm(dim=0)
        kept = weight_of(linear) != 0
        assert (kept.sum(1) == kept.size(1) // 2).all()
        # Brute force: the half of highest scores of each row.
        half = scores.topk(kept.size(1) // 2, dim=1).indices
        assert kept.gather(1, half).all()
        assert torch.equal(weight_of(linear)[kept], weight[kept])


@pytest.mark.parametrize("pattern", ["2:4", "3:8"])
def test_a_pattern_holds_in_every_group(tiny_model, tiny_tokens, pattern):
    model = tiny_model("opt")
    compress_(model, Wanda(pattern=pattern), Calibration(tiny_tokens()))
    keep, of = map(int, pattern.split(":"))
    for linear in linears(model.model.decoder.layers[2]).values():
        groups = linear.weight.unflatten(1, (-1, of))
        assert (groups.count_nonzero(-1) == keep).all()


def test_a_variant_has_no_pattern():
    with pytest.raises(CompressionError, match="'variant' does not go with"):
        Wanda(pattern="2:4", variant=True)

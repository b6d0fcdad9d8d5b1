import torch
from torch import nn

from graphllm.compress import QuantEmbedding


def test_rows_are_rounded_to_a_part_in_254():
    weight = torch.randn(20, 8)
    small = QuantEmbedding.from_weight(weight)
    ids = torch.tensor([[3, 0], [19, 3]])
    limit = weight[ids].abs().amax(-1, keepdim=True) / 254 * 1.1
    assert bool(((small(ids) - weight[ids]).abs() <= limit).all())
    assert torch.equal(small(ids), small.weight[ids])
    assert torch.equal(small.to_dense()(ids), small(ids))
    assert small.nbytes() == 20 * (8 + 4)


def test_its_dtype_is_the_weights():
    small = QuantEmbedding.from_weight(torch.randn(5, 4).bfloat16())
    assert small(torch.tensor([1])).dtype == torch.bfloat16
    assert small.float()(torch.tensor([1])).dtype == torch.float32


def test_facts_and_state_rebuild_it():
    small = QuantEmbedding.from_weight(torch.randn(20, 8))
    again = QuantEmbedding.from_facts(small.facts())
    again.load_state_dict(small.state_dict())
    assert torch.equal(again.weight, small.weight)


def test_the_head_holds_the_same_tensors():
    small = QuantEmbedding.from_weight(torch.randn(20, 8))
    bias, x = torch.randn(20), torch.randn(3, 8)
    head = small.head(bias)
    assert head.codes is small.codes
    assert head.scale is small.scale
    expected = nn.functional.linear(x, small.weight, bias)
    assert torch.allclose(head(x), expected, atol=1e-5)
    assert small.head().bias is None

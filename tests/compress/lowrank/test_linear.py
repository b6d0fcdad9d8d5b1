import torch
from torch import nn

from graphllm.compress import LowRankLinear


def layer(bias=True):
    return LowRankLinear.from_factors(
        torch.randn(6, 2), torch.randn(2, 5), torch.randn(6) if bias else None
    )


def test_by_hand():
    up = torch.tensor([[1.0], [2.0]])
    down = torch.tensor([[3.0, 0.0, -1.0]])
    product = LowRankLinear.from_factors(up, down, torch.tensor([10.0, 0.0]))
    # 3 * 1 - 1 * 4 = -1
    assert product(torch.tensor([1.0, 7.0, 4.0])).tolist() == [9.0, -2.0]
    assert product.weight.tolist() == [[3.0, 0.0, -1.0], [6.0, 0.0, -2.0]]
    assert product.nbytes() == 4 * (2 + 3 + 2)


def test_it_is_the_dense_layer_of_the_product():
    x = torch.randn(3, 4, 5)
    for bias in (True, False):
        small = layer(bias)
        dense = small.to_dense()
        assert type(dense) is nn.Linear
        assert torch.allclose(small(x), dense(x), atol=1e-5)
        assert (small.in_features, small.out_features, small.rank) == (5, 6, 2)


def test_both_factors_learn():
    small = layer()
    small(torch.randn(3, 5)).sum().backward()
    assert all(each.grad.abs().sum() > 0 for each in small.parameters())


def test_facts_and_state_rebuild_it():
    for bias in (True, False):
        small = layer(bias)
        again = LowRankLinear.from_facts(small.facts())
        again.load_state_dict(small.state_dict())
        x = torch.randn(2, 5)
        assert torch.equal(again(x), small(x))
    assert small.facts() == {
        "kind": "low_rank",
        "in_features": 5,
        "out_features": 6,
        "rank": 2,
        "bias": False,
        "transposed": False,
    }

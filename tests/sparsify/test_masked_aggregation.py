import pytest
import torch
import torch_geometric.nn.aggr as aggr
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.sparsify import MaskedAggregation
from graphllm.sparsify.masked_aggregation import masked_softmax

DEGREES = torch.tensor([0, 2, 5, 3])


class Range(aggr.Aggregation):
    """One of a user's own, of which nothing is known."""

    def forward(self, x, index=None, ptr=None, dim_size=None, dim=-2):
        high = self.reduce(x, index, ptr, dim_size, dim, reduce="max")
        return high - self.reduce(x, index, ptr, dim_size, dim, reduce="min")


class Doubled(aggr.SumAggregation):
    """A subclass that is not what its parent is."""

    def forward(self, *args, **kwargs):
        return 2 * super().forward(*args, **kwargs)


def scaler(parts, *names):
    return aggr.DegreeScalerAggregation(parts, list(names), DEGREES)


AGGREGATIONS = {
    "sum": aggr.SumAggregation,
    "mean": aggr.MeanAggregation,
    "max": aggr.MaxAggregation,
    "min": aggr.MinAggregation,
    "mul": aggr.MulAggregation,
    "var": aggr.VarAggregation,
    "var, half": lambda: aggr.VarAggregation(semi_grad=True),
    "std": aggr.StdAggregation,
    "softmax": lambda: aggr.SoftmaxAggregation(t=2.0),
    "softmax, half": lambda: aggr.SoftmaxAggregation(t=0.1, semi_grad=True),
    "softmax, learned": lambda: aggr.SoftmaxAggregation(learn=True, channels=3),
    "power": lambda: aggr.PowerMeanAggregation(learn=True),
    "median": aggr.MedianAggregation,
    "preserving": aggr.VariancePreservingAggregation,
    "range": Range,
    "doubled": Doubled,
    "several": lambda: aggr.MultiAggregation(["mean", "max", "std", "sum"]),
    "projected": lambda: aggr.MultiAggregation(
        ["mean", "softmax"],
        mode="proj",
        mode_kwargs={"in_channels": 3, "out_channels": 2},
    ),
    "added": lambda: aggr.MultiAggregation(["mean", "min"], mode="sum"),
    "scaled": lambda: scaler(
        ["mean", "min", "std"], "identity", "amplification", "attenuation"
    ),
    "scaled, linear": lambda: scaler(["sum"], "linear", "inverse_linear"),
}


def example(seed=0, num_edges=40, num_nodes=9, share=0.5):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_edges, 3, generator=generator).requires_grad_()
    index = torch.randint(num_nodes, (num_edges,), generator=generator)
    mask = (torch.rand(num_edges, generator=generator) < share).float()
    return x, index, mask.masked_fill(index == 4, 0.0)


def check(module, x, index, mask, num_nodes=9):
    keep = mask > 0.5
    expected = module(x[keep], index[keep], dim_size=num_nodes)
    out = MaskedAggregation(module, mask)(x, index, dim_size=num_nodes)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    wanted = [x, *module.parameters()]
    slopes = [
        torch.autograd.grad(value.sin().sum(), wanted, allow_unused=True)
        for value in (out, expected)
    ]
    for got, want in zip(*slopes, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_equals_the_aggregation_of_the_kept_messages(name):
    torch.manual_seed(0)
    check(AGGREGATIONS[name](), *example())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    num_edges=st.integers(0, 30),
    share=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_equals_it_for_any_mask(seed, num_edges, share):
    for name in ("mean", "softmax", "scaled", "max"):
        check(AGGREGATIONS[name](), *example(seed, num_edges, 9, share))


@pytest.mark.parametrize("name", ["sum", "mean", "std", "softmax", "max", "scaled"])
def test_messages_of_several_heads(name):
    x, index, mask = example()
    heads = torch.stack([x, x.square()], dim=1).detach()
    keep = mask > 0.5
    module = AGGREGATIONS[name]()
    expected = module(heads[keep], index[keep], dim_size=9, dim=0)
    out = MaskedAggregation(module, mask)(heads, index, dim_size=9, dim=0)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "var", "std", "softmax", "several", "scaled"]
)
def test_mask_gradient_is_finite_where_all_is_removed(name):
    x, index, _ = example()
    mask = torch.zeros(index.numel(), requires_grad=True)
    MaskedAggregation(AGGREGATIONS[name](), mask)(x, index, dim_size=9).sum().backward()
    assert mask.grad.isfinite().all()


def test_the_softmax_of_kept_logits():
    logits = torch.tensor([0.0, 1.0, 1e4, 2.0]).view(-1, 1).requires_grad_()
    mask = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(-1, 1).requires_grad_()
    index = torch.tensor([0, 0, 0, 1])
    alpha = masked_softmax(logits, mask, index, 3)
    share = 1 / (1 + torch.tensor(1.0).exp())
    torch.testing.assert_close(alpha[:, 0], torch.tensor([share, 1 - share, 0, 0]))
    alpha[0].sum().backward()
    assert logits.grad.isfinite().all()
    assert mask.grad.isfinite().all()
    # More of the removed edge would leave less for this one.
    assert mask.grad[2] < -1
    assert logits.grad[2] == 0


@pytest.mark.parametrize("mask", [None, torch.ones(39)])
def test_a_mask_of_other_edges_is_refused(mask):
    x, index, _ = example()
    module = MaskedAggregation(aggr.SumAggregation(), mask)
    with pytest.raises(TextGraphError, match="SumAggregation was given 40 messages"):
        module(x, index, dim_size=9)

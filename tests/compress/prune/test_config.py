import pytest

from graphllm.compress import OWL, AlphaPruning, Magnitude, SparseGPT, Uniform, Wanda
from graphllm.errors import CompressionError, UnknownNameError


def test_allocations_by_name_are_those_with_the_papers_settings():
    assert Wanda(0.5, allocate="owl") == Wanda(0.5, allocate=OWL(0.08, 5.0))
    assert Wanda(0.5, allocate="alpha").allocate == AlphaPruning(0.3)
    assert Wanda(0.5).allocate == Uniform()
    assert hash(Wanda(0.5)) == hash(Wanda(0.5, allocate={"name": "uniform"}))


def test_a_pattern_says_the_ratio(tiny_model):
    config = SparseGPT(pattern="1:4")
    assert config.group == (1, 4)
    assert config.block_ratios(tiny_model("llama"), None) == [0.75] * 3


@pytest.mark.parametrize("method", [Magnitude, Wanda, SparseGPT])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"takes either 'ratio' or 'pattern' \(got None and None\)"),
        ({"ratio": 0.5, "pattern": "2:4"}, r"\(got 0.5 and 2:4\)"),
        ({"ratio": 0.0}, r"'ratio' must be inside of \(0, 1\) \(got 0\)"),
        ({"ratio": 1.0}, r"'ratio' must be inside of"),
        ({"pattern": "4:2"}, "'pattern' must be 'N:M'"),
        ({"pattern": "2:4", "allocate": "owl"}, r"must be 'uniform' \(got 'owl'\)"),
    ],
)
def test_options_are_checked(method, options, message):
    with pytest.raises(CompressionError, match=message):
        method(**options)


def test_an_unknown_allocation():
    with pytest.raises(UnknownNameError, match="unknown allocation 'owls'"):
        Wanda(0.5, allocate="owls")

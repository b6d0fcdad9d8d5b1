import pytest

from graphllm.errors import GraphLLMError
from graphllm.experiments.llaga import LLaGATraining


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("patience", 0),
        ("batch_size", -1),
        ("warmup", 1.0),
        ("label_smoothing", -0.1),
        ("dropout", 1.5),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("clip", float("inf")),
    ],
)
def test_a_number_out_of_range(name, value):
    with pytest.raises(GraphLLMError, match=f"'{name}' must be .*got {value}"):
        LLaGATraining(**{name: value})


def test_the_edges_of_the_ranges():
    LLaGATraining(epochs=1, patience=1, batch_size=1, warmup=0.0, label_smoothing=0.0)

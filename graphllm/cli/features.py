"""A graph and its features, for verbs that can do without text."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from torch import Tensor
from torch_geometric.data import Data

from graphllm.cli import setup
from graphllm.cli.progress import Bars
from graphllm.datasets import PlanetoidText, load_dataset
from graphllm.enhance.encoded import Encoder
from graphllm.errors import TextGraphError

FEATURES = ("bow", "text")
PLANETOID = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}


class Parts(NamedTuple):
    """What an experiment starts from.

    Args:
        data (Data): The graph.
        x (Tensor): Its features.
        split (str): The split given, or the data's own.
        features (str): Of :obj:`FEATURES`.
        encoder (Encoder, optional): Of the text, where that is what features are of.
        bars (Bars): Show the progress.
    """

    data: Data
    x: Tensor
    split: str
    features: str
    encoder: Encoder | None
    bars: Bars


def check_features(features: str | None) -> None:
    """Refuse unknown features.

    Raises:
        UnknownNameError: Listing the choices.
    """
    if features is not None:
        setup.one_of("kind of features", features, FEATURES)


@contextmanager
def opened(given: SimpleNamespace) -> Iterator[Parts]:
    """The graph and its features, with bars that close at the end.

    Args:
        given (SimpleNamespace): Options ``dataset``, ``data_root``, ``split``,
            ``features``, ``encoder`` and ``out``.

    Raises:
        TextGraphError: If the graph has no labels, or not these features.
        GraphLLMError: If the folder of the results cannot be written.
    """
    setup.check_out(given.out)
    bow = given.features == "bow"
    with Bars() as bars:
        data, split = setup.load_data(
            given.dataset,
            given.data_root,
            given.split,
            bars,
            load=_load_words if bow else load_dataset,
            require_text=given.features == "text",
        )
        if given.features != "text" and data.x is not None:
            yield Parts(data, row_normalized(data.x), split, "bow", None, bars)
            return
        if bow or getattr(data, "text", None) is None:
            other = "; give --features text" if bow else ""
            raise TextGraphError(f"'{given.dataset}' brings no features{other}")
        encoder, x = setup.encode_text(given.encoder, data, bars)
        yield Parts(data, x, split, "text", encoder, bars)


def _load_words(name: str, data_root: Path | None) -> Data:
    """A citation graph with its bag of words; any other graph as it comes."""
    if name in PLANETOID:
        return PlanetoidText(data_root, PLANETOID[name])[0]
    return load_dataset(name, data_root)


def row_normalized(x: Tensor) -> Tensor:
    """Rows divided by their sum, as networks are usually given bags of words."""
    return x / x.sum(dim=-1, keepdim=True).clamp_min(1.0)

from types import SimpleNamespace

import pytest
import torch

from graphllm.cli import features
from graphllm.cli.features import check_features, opened, row_normalized
from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.testing import sbm_text_graph


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Options for a graph with features of its own and text."""
    data = sbm_text_graph(30)
    data.x, data.name = torch.ones(30, 4), "sbm"
    monkeypatch.setattr(features, "load_dataset", lambda name, root: data)
    shared = {"dataset": "sbm", "data_root": None, "split": None}
    own = {"features": None, "encoder": "tfidf", "out": tmp_path}
    return SimpleNamespace(data=data, **shared, **own)


def test_features_of_its_own_come_first(given):
    with opened(given) as parts:
        assert torch.equal(parts.x, torch.full((30, 4), 0.25))
        assert (parts.features, parts.encoder, parts.split) == ("bow", None, "file")


@pytest.mark.parametrize("own", [True, False])
def test_text_is_encoded_where_asked_for_or_all_there_is(given, own):
    given.features = "text" if own else None
    if not own:
        given.data.x = None
    with opened(given) as parts:
        assert parts.features == "text"
        assert parts.encoder is not None
        assert parts.x.size(0) == 30


def test_no_features_at_all(given):
    given.data.x = given.data.text = None
    with pytest.raises(TextGraphError, match=r"'sbm' brings no features$"):
        with opened(given):
            pass


def test_unknown_features():
    check_features(None)
    with pytest.raises(UnknownNameError, match="kind of features 'words'"):
        check_features("words")


def test_rows_sum_to_one_and_empty_ones_stay_empty():
    x = torch.tensor([[1.0, 3.0], [0.0, 0.0], [0.25, 0.25]])
    assert torch.equal(
        row_normalized(x), torch.tensor([[0.25, 0.75], [0.0, 0.0], [0.25, 0.25]])
    )

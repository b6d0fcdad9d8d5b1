import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.encode import TfidfEncoder
from graphllm.errors import EmbeddingError

TEXTS = ["star star orbit", "star comet", "butter"]


def test_numbers_by_hand():
    encoder = TfidfEncoder().fit(TEXTS)
    x = encoder(TEXTS)
    # columns in alphabetical order: butter, comet, orbit, star
    assert (x.shape, x.dtype) == ((3, 4), torch.float32)
    idf_star = math.log(4 / 3) + 1  # in two of three texts
    idf_orbit = math.log(4 / 2) + 1  # in one
    row = torch.tensor([0, 0, idf_orbit, (1 + math.log(2)) * idf_star])
    torch.testing.assert_close(x[0], row / row.norm())
    torch.testing.assert_close(x[2], torch.tensor([1.0, 0, 0, 0]))


def test_unknown_and_empty_texts_are_zero_rows():
    x = TfidfEncoder().fit(TEXTS)(["", "unheard of", "the and of"])
    assert x.shape == (3, 4)
    assert not x.any()


def test_the_first_call_fits_and_later_ones_do_not():
    encoder = TfidfEncoder()
    assert not encoder.fitted
    first = encoder(TEXTS)
    assert encoder.fitted
    assert encoder(["butter ship"]).shape == (1, first.size(1))
    assert encoder([]).shape == (0, first.size(1))


def test_id_follows_the_vocabulary():
    one, same = TfidfEncoder().fit(TEXTS), TfidfEncoder().fit(TEXTS[::-1])
    other = TfidfEncoder().fit([*TEXTS, "ship"])
    weights = TfidfEncoder().fit([*TEXTS, "star"])  # same words, other weights
    assert one.id == same.id
    assert len({one.id, other.id, weights.id}) == 3
    with pytest.raises(EmbeddingError, match="not fitted"):
        _ = TfidfEncoder().id


def test_max_features_keeps_the_frequent_words():
    x = TfidfEncoder(max_features=1).fit(TEXTS)(["star", "orbit"])
    assert x.tolist() == [[1.0], [0.0]]


def test_ngrams():
    assert TfidfEncoder(max_ngram=2).fit(["star orbit"])(["star orbit"]).size(1) == 3


def test_texts_without_a_word():
    with pytest.raises(EmbeddingError, match="the 2 texts hold no word"):
        TfidfEncoder().fit(["", "..."])
    with pytest.raises(EmbeddingError, match="the 0 texts"):
        TfidfEncoder().fit([])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_rows_have_unit_length_or_are_zero(texts):
    norms = TfidfEncoder().fit(TEXTS)([*texts, "star"]).norm(dim=1)
    assert norms.numel() == len(texts) + 1
    assert bool(((norms - 1).abs().lt(1e-5) | norms.eq(0)).all())


def test_a_very_long_text():
    x = TfidfEncoder().fit(TEXTS)(["star " * 20_000 + "orbit"])
    assert x.norm().item() == pytest.approx(1.0)

import pytest

from graphllm.encode import SentenceEncoder, TfidfEncoder, load_encoder
from graphllm.errors import ModelNotFoundError, UnknownNameError


def test_tfidf_comes_unfitted():
    encoder = load_encoder("tfidf")
    assert isinstance(encoder, TfidfEncoder)
    assert not encoder.fitted


@pytest.mark.slow
def test_minilm():
    assert isinstance(load_encoder("minilm"), SentenceEncoder)


def test_unknown_name_lists_the_choices():
    with pytest.raises(UnknownNameError, match=r"'minilmm'.*Did you mean 'minilm'"):
        load_encoder("minilmm")
    # a language model is no encoder
    with pytest.raises(
        UnknownNameError, match=r"'smollm2'.*minilm, owner/model, tfidf"
    ):
        load_encoder("smollm2")


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no model"):
        load_encoder(str(tmp_path / "nothing"))


def test_a_file_is_no_encoder(tmp_path):
    (tmp_path / "weights.gguf").write_text("")
    with pytest.raises(ModelNotFoundError, match="is a file"):
        load_encoder(str(tmp_path / "weights.gguf"))

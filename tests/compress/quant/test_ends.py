import torch

from graphllm.compress import QuantEmbedding, QuantLinear
from graphllm.compress.base import count_bytes
from graphllm.compress.quant.ends import quantize_ends_


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits


def test_a_tied_head_stays_tied(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama", tie_word_embeddings=True), tiny_tokens()
    before, size = logits(model, ids), count_bytes(model)
    (report,) = quantize_ends_(model)
    assert report.name == "model.embed_tokens"
    assert isinstance(model.model.embed_tokens, QuantEmbedding)
    assert model.lm_head.codes is model.model.embed_tokens.codes
    assert (logits(model, ids) - before).norm() < 0.03 * before.norm()
    assert count_bytes(model) == size - 64 * (4 * 32) + 64 * (32 + 4)
    # transformers must not try to tie what no longer has that parameter.
    model.tie_weights()
    assert isinstance(model.lm_head, QuantLinear)


def test_an_untied_head_is_its_own(tiny_model, tiny_tokens):
    model, ids = tiny_model("gpt_neox", tie_word_embeddings=False), tiny_tokens()
    before = logits(model, ids)
    reports = quantize_ends_(model)
    assert [each.name for each in reports] == ["gpt_neox.embed_in", "embed_out"] or (
        len(reports) == 2
    )
    assert all(8 < each.bits < 9.5 and 0 < each.error < 0.01 for each in reports)
    assert (logits(model, ids) - before).norm() < 0.03 * before.norm()


def test_generation_and_given_embeddings(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama", tie_word_embeddings=True), tiny_tokens()
    quantize_ends_(model)
    given = model.get_input_embeddings()(ids)
    with torch.no_grad():
        assert torch.equal(model(inputs_embeds=given).logits, model(ids).logits)
        out = model.generate(ids[:1], max_new_tokens=4, do_sample=False, pad_token_id=2)
    assert out.size(1) > ids.size(1)


def test_what_is_not_plain_is_left_alone(tiny_model):
    model = tiny_model("llama", tie_word_embeddings=False)
    quantize_ends_(model)
    assert quantize_ends_(model) == []

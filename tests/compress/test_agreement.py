import pytest
import torch

from graphllm.compress.agreement import agreement
from graphllm.compress.perplexity import perplexity


def test_a_model_agrees_with_itself(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    found = agreement(model, model, tiny_tokens(2, 10))
    assert found.kl == pytest.approx(0, abs=1e-6)
    assert found.top1 == 1.0
    assert found.tokens == 20


def test_agreement_by_the_definition(tiny_model, tiny_tokens):
    dense, other = tiny_model("llama"), tiny_model("llama", seed=1)
    ids = tiny_tokens(2, 10)
    with torch.no_grad():
        p = dense(input_ids=ids).logits.double().softmax(-1)
        q = other(input_ids=ids).logits.double().softmax(-1)
    kl = (p * (p / q).log()).sum(-1).mean()
    found = agreement(dense, other, ids)
    assert found.kl == pytest.approx(float(kl), rel=1e-4)
    same = (p.argmax(-1) == q.argmax(-1)).double().mean()
    assert found.top1 == pytest.approx(float(same))
    assert found.top1 < 1


def test_perplexities_of_the_same_pass(tiny_model, tiny_tokens):
    dense, other = tiny_model("llama"), tiny_model("llama", seed=1)
    ids = tiny_tokens(1, 21).flatten()
    found = agreement(dense, other, ids, window=8)
    assert found.tokens == 16
    for model, value in ((dense, found.dense_perplexity), (other, found.perplexity)):
        assert value == pytest.approx(perplexity(model, ids, window=8), rel=1e-5)

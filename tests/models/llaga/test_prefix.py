import torch

from graphllm.models.llaga.prefix import Prefix
from graphllm.testing.tiny_llms import tiny_llm

IDS, NEXT = [5, 9, 31, 7], torch.tensor([[12, 40], [41, 13]])


def continued(llm, prefix):
    return llm(NEXT, past_key_values=prefix.expand(2), use_cache=True).logits


def test_continuing_equals_reading_everything(kit, kind):
    llm = tiny_llm(kit.build(kind).llm.config.model_type, kit.tokenizers[kind])
    prefix = Prefix(llm, IDS)
    assert prefix.length == 4
    whole = torch.cat([torch.tensor([IDS, IDS]), NEXT], 1)
    wanted = llm(whole, use_cache=False).logits[:, -2:]
    torch.testing.assert_close(continued(llm, prefix), wanted, rtol=1e-4, atol=1e-4)


def test_a_batch_does_not_change_what_is_kept(kit):
    llm = tiny_llm("llama", kit.tokenizers["llama"])
    prefix = Prefix(llm, IDS)
    first = continued(llm, prefix)
    assert torch.equal(first, continued(llm, prefix))
    cache = prefix.expand(3)
    assert cache.get_seq_length() == 4
    assert cache.layers[0].keys.size(0) == 3


def test_no_gradient_goes_into_it_and_one_may_come_after_it(kit):
    llm = tiny_llm("llama", kit.tokenizers["llama"])
    with torch.inference_mode():
        prefix = Prefix(llm, IDS)
    cache = prefix.expand(1)
    keys = cache.layers[0].keys
    assert not keys.requires_grad
    assert not keys.is_inference()
    words = llm.get_input_embeddings()(NEXT[:1]).detach().requires_grad_()
    out = llm(inputs_embeds=words, past_key_values=prefix.expand(1), use_cache=True)
    out.logits.sum().backward()
    assert words.grad.norm() > 0

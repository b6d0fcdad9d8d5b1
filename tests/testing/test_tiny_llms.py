import pytest
import torch

from graphllm.testing.tiny_llms import byte_tokenizer, llama_tokenizer, tiny_llm

TEXT = "Name the topic, one of: theory. 12"


@pytest.mark.parametrize("chat", [False, True])
def test_start_tokens_are_as_in_the_real_ones(chat):
    byte, llama = byte_tokenizer(chat), llama_tokenizer(chat)
    assert byte.bos_token_id is None
    ids = llama(TEXT)["input_ids"]
    assert ids[0] == llama.bos_token_id
    assert ids.count(llama.bos_token_id) == 1
    for tokenizer in (byte, llama):
        ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == TEXT
        assert tokenizer.eos_token_id not in ids
        assert bool(tokenizer.chat_template) == chat


def test_chats_open_the_answer():
    turns = [{"role": "user", "content": " a "}]
    options = {"tokenize": False, "add_generation_prompt": True}
    said = byte_tokenizer(True).apply_chat_template(turns, **options)
    assert said == "<|im_start|>user\n a <|im_end|>\n<|im_start|>assistant\n"
    said = llama_tokenizer(True).apply_chat_template(turns, **options)
    assert said == "<s>[INST] a [/INST]"


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2"])
def test_models_are_small_and_always_the_same(family):
    tokenizer = llama_tokenizer()
    state = torch.get_rng_state()
    one, two = (tiny_llm(family, tokenizer, hidden_size=16) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    ids = torch.tensor([[1, 5, 9]])
    assert torch.equal(one(ids).logits, two(ids).logits)
    assert one.config.model_type == family
    assert not one.training
    other = tiny_llm(family, tokenizer, hidden_size=16, seed=1)
    assert not torch.allclose(one(ids).logits, other(ids).logits, atol=0.1)
    half = tiny_llm(family, tokenizer, dtype=torch.bfloat16)
    assert half.get_input_embeddings().weight.dtype == torch.bfloat16

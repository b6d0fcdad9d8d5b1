import pytest
import torch
from torch import nn
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from graphllm._optional import available
from graphllm.errors import LLMError, MissingExtraError, PromptError
from graphllm.models import LLaGA
from graphllm.models.llaga.freeze import add_lora, freeze, reach, recomputing
from graphllm.prompts import classification_prompt
from graphllm.testing.tiny_llms import tiny_llm

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture
def llm(kit):
    return tiny_llm("gpt2", kit.tokenizers["gpt2"])


def test_frozen_and_in_evaluation_mode(llm):
    llm.train()
    freeze(llm)
    assert not any(module.training for module in llm.modules())
    assert not any(each.requires_grad for each in llm.parameters())


def test_models_without_positions_are_refused():
    bloom = BloomForCausalLM(
        BloomConfig(vocab_size=20, hidden_size=8, n_layer=1, n_head=2)
    )
    with pytest.raises(LLMError, match="BloomForCausalLM takes no position_ids"):
        freeze(bloom)


def test_models_without_keys_and_values_are_refused(llm):
    llm.config.layer_types = ["full_attention", "linear_attention"]
    with pytest.raises(LLMError, match="layers of kind linear_attention"):
        freeze(llm)


def test_attention_that_takes_no_mask_is_refused(llm):
    llm.config._attn_implementation = "flash_attention_2"
    with pytest.raises(
        LLMError, match=r"'flash_attention_2'.*attn_implementation='sdpa'"
    ):
        freeze(llm)
    llm.config._attn_implementation = "eager"
    freeze(llm)


def test_reach_is_the_smaller_limit(kit, llm):
    assert reach(llm) == 1024
    config = MistralConfig(
        **SMALL, vocab_size=20, intermediate_size=32, num_key_value_heads=2
    )
    config.max_position_embeddings, config.sliding_window = 512, 40
    assert reach(MistralForCausalLM(config)) == 40
    config.sliding_window = None
    assert reach(MistralForCausalLM(config)) == 512


def test_a_window_equals_a_plain_forward_or_is_refused(kit):
    tokenizer = kit.tokenizers["llama"]
    prompt, tokens = classification_prompt(["theory", "rules"]), [kit.graph_tokens([3])]

    def model(window):
        torch.manual_seed(0)
        config = MistralConfig(
            **SMALL,
            vocab_size=len(tokenizer),
            intermediate_size=32,
            num_key_value_heads=2,
            sliding_window=window,
        )
        return LLaGA(MistralForCausalLM(config), tokenizer, kit.build().template, 6)

    wide = model(1000).eval()
    names = prompt.candidates
    plain = [kit.log_likelihood(wide, prompt, tokens, 0, name).sum() for name in names]
    torch.testing.assert_close(
        wide.score(prompt, tokens)[0], torch.stack(plain), rtol=1e-4, atol=1e-4
    )
    with pytest.raises(PromptError, match="mistral sees 50 at once"):
        model(50).score(prompt, tokens)


def test_eager_and_fused_attention_score_alike(kit):
    prompt, tokens = (
        classification_prompt(["theory", "rules"]),
        [kit.graph_tokens([3, 1])],
    )
    scores = [
        kit.build(llm_options={"attn_implementation": kind}).score(prompt, tokens)
        for kind in ("eager", "sdpa")
    ]
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-4)


class Counted(nn.Module):
    """Counts how often its input is read."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.calls = inner, 0

    def forward(self, *args, **kwargs):
        self.calls += 1
        return self.inner(*args, **kwargs)


def test_blocks_are_recomputed_and_left_as_they_were(llm):
    freeze(llm)
    mlp = llm.transformer.h[0].mlp = Counted(llm.transformer.h[0].mlp)
    words = llm.get_input_embeddings()(torch.tensor([[3, 4, 5]])).requires_grad_()
    plain = llm(inputs_embeds=words, use_cache=False).logits.logsumexp(-1).sum()
    (wanted,) = torch.autograd.grad(plain, words)
    assert mlp.calls == 1
    with recomputing(llm):
        loss = llm(inputs_embeds=words, use_cache=False).logits.logsumexp(-1).sum()
    assert mlp.calls == 2
    assert all("forward" not in vars(module) for module in llm.modules())
    (found,) = torch.autograd.grad(loss, words)
    assert mlp.calls == 3
    torch.testing.assert_close(found, wanted)


def test_a_forward_that_was_replaced_is_put_back(llm):
    block = llm.transformer.h[1]
    mine = block.forward = lambda *args, **kwargs: args[0]
    with recomputing(llm):
        assert block.forward is not mine
    assert block.forward is mine
    with pytest.raises(KeyError), recomputing(llm):
        raise KeyError("x")
    assert block.forward is mine


def test_recomputing_switches_no_dropout_on(kit):
    # OPT drops inside the block itself, by the block's own mode.
    tokenizer = kit.tokenizers["gpt2"]
    torch.manual_seed(0)
    config = OPTConfig(
        **SMALL,
        vocab_size=len(tokenizer),
        ffn_dim=64,
        word_embed_proj_dim=32,
        max_position_embeddings=512,
        dropout=0.5,
        init_std=0.2,
    )
    model = LLaGA(
        *(OPTForCausalLM(config), tokenizer, kit.build().template, 6),
        gradient_checkpointing=True,
    ).train()
    prompt, tokens = (
        classification_prompt(["theory", "rules"]),
        [kit.graph_tokens([3, 1])],
    )
    answers = ["rules", "theory"]
    loss = model(prompt, tokens, answers)
    parts = [
        kit.log_likelihood(model, prompt, tokens, row, answers[row]) for row in (0, 1)
    ]
    torch.testing.assert_close(loss, -torch.cat(parts).mean(), rtol=1e-5, atol=1e-5)


def test_adapters(llm):
    with pytest.raises(LLMError, match="at least 1, not -1"):
        add_lora(llm, -1)
    if not available("peft"):
        with pytest.raises(MissingExtraError, match=r"graphllm\[train\]"):
            add_lora(llm, 2)
        return
    freeze(llm)
    trained = [n for n, p in add_lora(llm, 2).named_parameters() if p.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)

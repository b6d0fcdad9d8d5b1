"""Random decoders of a few kilobytes, one of each family."""

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

FAMILIES = ("llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox")
VOCABULARY = 64

SHARED = {
    "vocab_size": VOCABULARY,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
GROUPED = {**SIZES, "intermediate_size": 64, "num_key_value_heads": 2}


def tiny(name, seed=0, **options):
    """A random model of three blocks and 32 dimensions, in evaluation mode."""
    model_class, config_class, sizes = {
        "llama": (LlamaForCausalLM, LlamaConfig, GROUPED),
        "qwen2": (Qwen2ForCausalLM, Qwen2Config, GROUPED),
        "mistral": (MistralForCausalLM, MistralConfig, GROUPED),
        "gpt2": (
            GPT2LMHeadModel,
            GPT2Config,
            {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 128},
        ),
        "opt": (
            OPTForCausalLM,
            OPTConfig,
            {**SIZES, "ffn_dim": 64, "word_embed_proj_dim": 32, "init_std": 0.2},
        ),
        "gpt_neox": (
            GPTNeoXForCausalLM,
            GPTNeoXConfig,
            {**SIZES, "intermediate_size": 64},
        ),
    }[name]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(config_class(**{**SHARED, **sizes, **options}))
    return model.eval()


def tokens(rows=4, length=16, seed=0):
    """Random token sequences."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCABULARY, (rows, length), generator=random)

"""Random language models and tokenizers of a few kilobytes, made in memory.

Shapes and conventions are those of real families; the weights are noise. Wide
initial weights make different inputs give clearly different outputs.
"""

from typing import Any, Literal

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

Family = Literal["llama", "gpt2", "qwen2"]

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Writes its own start token, trims what is said, and knows no system turn.
INSTRUCT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + "
    "' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)
_TEXT = (
    "A graph is given as a sequence of vectors: the node in the centre first.",
    "Each node is one paper; its surroundings are papers linked to it by citation.",
    "Name the topic of the paper in the centre, one of: neural networks, theory, rule",
    "learning, genetic algorithms. Reply with the name alone, yes or no. 12 or 345.",
)


def byte_tokenizer(chat: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE that adds no start token, as GPT-2's and Qwen's.

    Args:
        chat (bool, optional): Whether it has a chat template. (default: :obj:`False`)
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT * 3, trainer)
    end = "<|im_end|>" if chat else "<|endoftext|>"
    template: dict[str, Any] = {"chat_template": CHATML} if chat else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=end, pad_token="<|endoftext|>", **template
    )


def llama_tokenizer(chat: bool = False) -> PreTrainedTokenizerFast:
    """BPE over words that begin with a mark, which adds a start token, as Llama's.

    Args:
        chat (bool, optional): Whether it has a chat template. (default: :obj:`False`)
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=260,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=[chr(code) for code in range(32, 127)] + ["▁", "\n"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    template: dict[str, Any] = {"chat_template": INSTRUCT} if chat else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        **template,
    )


def tiny_llm(
    family: Family,
    tokenizer: PreTrainedTokenizerFast,
    *,
    hidden_size: int = 32,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> Any:
    """A random causal language model of two layers.

    Args:
        family (str): ``"llama"`` (rotary positions, two key heads for four),
            ``"gpt2"`` (learned positions, dropout, tied words), ``"qwen2"``
            (rotary positions, biases, tied words).
        tokenizer (PreTrainedTokenizerFast): Its tokenizer, for the vocabulary.
        hidden_size (int, optional): Width. (default: :obj:`32`)
        seed (int, optional): Seed of the weights. (default: :obj:`0`)
        dtype (torch.dtype, optional): Type of the weights.
            (default: :obj:`torch.float32`)
        **options: Of the family's configuration.

    Returns:
        PreTrainedModel: In evaluation mode.
    """
    shared: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "initializer_range": 0.2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,
    }
    rotary: dict[str, Any] = {
        "hidden_size": hidden_size,
        "intermediate_size": 2 * hidden_size,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
    }
    learned = {"n_embd": hidden_size, "n_layer": 2, "n_head": 4, "n_positions": 1024}
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any
        if family == "gpt2":
            model = GPT2LMHeadModel(GPT2Config(**{**shared, **learned, **options}))
        elif family == "qwen2":
            tied = {"tie_word_embeddings": True}
            model = Qwen2ForCausalLM(
                Qwen2Config(**{**shared, **rotary, **tied, **options})
            )
        else:
            model = LlamaForCausalLM(LlamaConfig(**{**shared, **rotary, **options}))
    return model.to(dtype).eval()

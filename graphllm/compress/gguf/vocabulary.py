"""A byte-level BPE tokenizer in the words of llama.cpp."""

import json
from typing import Any

from graphllm.errors import CompressionError

# How a text is cut before merging, told by the expression that a tokenizer splits by.
_SPLITS = {
    r"\p{N}{1,3}": "llama-bpe",
    r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|": "qwen2",
}


def write_vocabulary(writer: Any, tokenizer: Any, size: int, pre: str | None) -> None:
    """Write tokens, merges, special tokens and chat template.

    Args:
        writer (gguf.GGUFWriter): Where to.
        tokenizer: A fast tokenizer of transformers.
        size (int): Rows of the model's embedding; rows without a token get a name
            that no text has.
        pre (str, optional): Name of the pre-tokenizer in llama.cpp.
            (default: guessed by :func:`pre_tokenizer_name`)

    Raises:
        CompressionError: If the tokenizer is of another kind, or has more tokens than
            the model.
    """
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    if spec["model"]["type"] != "BPE" or "ByteLevel" not in json.dumps(spec["decoder"]):
        raise CompressionError(
            "GGUF export knows byte-level BPE tokenizers alone (got a "
            f"{spec['model']['type']} of {type(tokenizer).__name__})"
        )
    vocabulary = tokenizer.get_vocab()
    if max(vocabulary.values()) >= size:
        raise CompressionError(
            f"the tokenizer has {max(vocabulary.values()) + 1} tokens and the model "
            f"only {size}; give the tokenizer that belongs to the model"
        )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre or pre_tokenizer_name(spec))
    _write_tokens(writer, spec, vocabulary, size)
    merges = spec["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    for name in ("bos", "eos", "unk", "pad"):
        token = getattr(tokenizer, f"{name}_token_id")
        if token is not None:
            getattr(writer, f"add_{name}_token_id")(token)
    first = tokenizer("a")["input_ids"][0]
    writer.add_add_bos_token(first == tokenizer.bos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def pre_tokenizer_name(spec: dict[str, Any]) -> str:
    """Guess what llama.cpp calls the pre-tokenizer.

    Args:
        spec (dict): The tokenizer's own JSON.

    Returns:
        str: ``"gpt-2"``, ``"smollm"``, ``"llama-bpe"`` or ``"qwen2"``.

    Raises:
        CompressionError: If it is none of those.
    """
    steps = spec["pre_tokenizer"] or {}
    steps = steps.get("pretokenizers", [steps])
    kinds = [step.get("type") for step in steps]
    if kinds == ["ByteLevel"]:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"]:
        return "smollm"
    if kinds == ["Split", "ByteLevel"]:
        expression = steps[0]["pattern"].get("Regex", "")
        for part, name in _SPLITS.items():
            if part in expression:
                return name
    raise CompressionError(
        f"cannot tell the pre-tokenizer {kinds} in llama.cpp's words; name it: "
        "export_gguf(..., pre='gpt-2'), for example"
    )


def _write_tokens(
    writer: Any, spec: dict[str, Any], vocabulary: dict[str, int], size: int
) -> None:
    from gguf import TokenType

    tokens = [f"[PAD{index}]" for index in range(size)]
    types = [TokenType.UNUSED] * size
    for token, index in vocabulary.items():
        tokens[index], types[index] = token, TokenType.NORMAL
    for token in spec["added_tokens"]:
        kind = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED
        types[token["id"]] = kind
    writer.add_token_list(tokens)
    writer.add_token_types(types)

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from graphllm.compress.gguf.vocabulary import pre_tokenizer_name, write_vocabulary
from graphllm.errors import CompressionError


class Writer:
    """Keeps what it is told."""

    def __init__(self):
        self.facts = {}

    def __getattr__(self, name):
        return lambda value: self.facts.update({name.removeprefix("add_"): value})


def test_tokens_merges_and_special_tokens(byte_tokenizer):
    writer = Writer()
    write_vocabulary(writer, byte_tokenizer, 303, None)
    facts = writer.facts
    assert facts["tokenizer_pre"] == "smollm"
    assert len(facts["token_list"]) == len(facts["token_types"]) == 303
    count = len(byte_tokenizer)
    assert facts["token_list"][:3] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert facts["token_list"][count:] == [f"[PAD{i}]" for i in range(count, 303)]
    assert [int(kind) for kind in facts["token_types"][:4]] == [3, 3, 3, 1]
    assert int(facts["token_types"][-1]) == 5
    assert facts["eos_token_id"] == 2
    assert facts["add_bos_token"] is False
    assert len(facts["token_merges"][0].split(" ")) == 2
    assert facts["chat_template"] == byte_tokenizer.chat_template


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        (pre_tokenizers.ByteLevel(), "gpt-2"),
        (
            pre_tokenizers.Sequence(
                [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel()]
            ),
            "smollm",
        ),
    ],
)
def test_pre_tokenizers_are_known_by_their_steps(steps, name):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = steps
    assert pre_tokenizer_name(json.loads(tokenizer.to_str())) == name


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        (r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?", "llama-bpe"),
        (r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?", "qwen2"),
        (r"\s+", None),
    ],
)
def test_pre_tokenizers_are_known_by_their_expression(expression, name):
    split = {"type": "Split", "pattern": {"Regex": expression}}
    both = {"type": "Sequence", "pretokenizers": [split, {"type": "ByteLevel"}]}
    if name is None:
        with pytest.raises(CompressionError, match="name it"):
            pre_tokenizer_name({"pre_tokenizer": both})
    else:
        assert pre_tokenizer_name({"pre_tokenizer": both}) == name


def test_other_tokenizers(byte_tokenizer):
    words = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    other = PreTrainedTokenizerFast(tokenizer_object=words)
    with pytest.raises(CompressionError, match="byte-level BPE tokenizers alone"):
        write_vocabulary(Writer(), other, 10, None)
    with pytest.raises(CompressionError, match="the model only 64"):
        write_vocabulary(Writer(), byte_tokenizer, 64, None)

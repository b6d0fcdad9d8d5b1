import torch

from graphllm.llm import Message, Request
from graphllm.llm.generate import (
    answer_length,
    end_tokens,
    generate_rows,
    is_out_of_memory,
    padding_token,
)


def ask(**fields):
    return Request((Message("user", "x"),), **fields)


def test_rows_continue_as_they_would_alone(tiny_model, tiny_tokenizer):
    prompts, limits = [[5, 80, 33], [9] * 40, [200, 17]], [4, 9, 6]
    requests = [ask()] * 3
    rows = generate_rows(tiny_model, tiny_tokenizer, requests, prompts, limits, [])
    for prompt, limit, row in zip(prompts, limits, rows, strict=True):
        ids = torch.tensor([prompt])
        for _ in range(limit):
            with torch.no_grad():
                token = tiny_model(ids, use_cache=False).logits[0, -1].argmax()
            ids = torch.cat([ids, token.view(1, 1)], 1)
        assert row.tolist() == ids[0, len(prompt) :].tolist()


def test_answer_length(tiny_tokenizer):
    assert answer_length(torch.tensor([5, 6, 2, 2]), tiny_tokenizer, [0, 2]) == 2
    assert answer_length(torch.tensor([5, 6, 7]), tiny_tokenizer, [0, 2]) == 3
    assert answer_length(torch.tensor([0]), tiny_tokenizer, [0, 2]) == 0


def test_ends_come_from_model_and_tokenizer(tiny_model, tiny_tokenizer, monkeypatch):
    assert end_tokens(tiny_model, tiny_tokenizer) == [2]
    monkeypatch.setattr(tiny_model.generation_config, "eos_token_id", [0, 7])
    assert end_tokens(tiny_model, tiny_tokenizer) == [0, 2, 7]
    monkeypatch.setattr(tiny_model.generation_config, "eos_token_id", None)
    assert end_tokens(tiny_model, tiny_tokenizer) == [2]


def test_padding(tiny_tokenizer):
    class WithPad:
        pad_token_id = 0

    assert padding_token(tiny_tokenizer, [5, 2]) == 5
    assert padding_token(tiny_tokenizer, []) == 0
    assert padding_token(WithPad(), [5]) == 0


def test_is_out_of_memory():
    assert is_out_of_memory(torch.OutOfMemoryError("no"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))

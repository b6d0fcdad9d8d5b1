import torch
from transformers import DynamicCache

from graphllm.models.llaga.decoding import greedy
from graphllm.testing.tiny_llms import tiny_llm


def start(llm, rows=2, length=5):
    embedded = llm.get_input_embeddings()(torch.arange(3, 3 + length)).detach()
    embedded = embedded * torch.tensor([1.0, -2.0])[:rows].view(-1, 1, 1)
    real = torch.ones(rows, length).bool()
    return embedded, real, torch.arange(length).expand(rows, -1)


def write(llm, limit, ends=()):
    embedded, real, position = start(llm)
    return greedy(
        *(llm, embedded, real, position, DynamicCache(config=llm.config)),
        max_new_tokens=limit,
        ends=ends,
    )


def plain(llm, row, limit):
    embedded, _, _ = start(llm)
    ids = []
    for _ in range(limit):
        tail = llm.get_input_embeddings()(torch.tensor([ids], dtype=torch.long))
        read = torch.cat([embedded[row : row + 1], tail], 1)
        ids.append(int(llm(inputs_embeds=read, use_cache=False).logits[0, -1].argmax()))
    return ids


def test_equals_reading_everything_again(kit):
    for family in ("llama", "gpt2"):
        llm = tiny_llm(family, kit.tokenizers["gpt2"])
        assert write(llm, 6) == [plain(llm, 0, 6), plain(llm, 1, 6)]


def test_a_row_ends_and_the_others_go_on(kit):
    llm = tiny_llm("gpt2", kit.tokenizers["gpt2"])
    one, two = plain(llm, 0, 6), plain(llm, 1, 6)
    end = next(token for token in one if token not in two)
    assert write(llm, 6, [end]) == [one[: one.index(end)], two]
    # All have ended: nothing more is read.
    calls = []
    hook = llm.register_forward_pre_hook(lambda *_: calls.append(1))
    found = write(llm, 6, [one[0], two[0]])
    hook.remove()
    assert found == [[], []]
    assert len(calls) == 1


def test_nothing_asked_for(kit):
    llm = tiny_llm("gpt2", kit.tokenizers["gpt2"])
    assert write(llm, 0) == [[], []]

import pytest
import torch

from graphllm.errors import PromptError
from graphllm.models.llaga.prefix import Prefix
from graphllm.models.llaga.reader import Reader, only_rows
from graphllm.prompts import classification_prompt, with_text
from graphllm.testing.tiny_llms import tiny_llm

PROMPT = classification_prompt(["theory", "rules"])


@pytest.fixture
def reader(kit):
    tokenizer = kit.tokenizers["llama"]
    return Reader(tiny_llm("llama", tokenizer), tokenizer, False, False)


def laid_out(reader, masks, texts=None, room=0):
    prompt = PROMPT if texts is None else with_text(PROMPT)
    tails = [()] * masks[0].size(0)
    return reader.lay_out(prompt, masks, texts, tails, room)


def test_vectors_stand_in_their_places(kit, reader):
    mask = kit.graph_tokens([2, 1]).mask[:, :2]
    _, layout = laid_out(reader, [mask], ["a", "longer text"])
    graphs = torch.randn(4, 32)
    found = reader.embed(layout, graphs)
    words = reader.llm.get_input_embeddings().weight
    for row in range(2):
        for at in range(layout.ids.size(1)):
            slot = int(layout.slot[row, at])
            word = words[layout.ids[row, at]]
            assert torch.equal(found[row, at], graphs[slot] if slot >= 0 else word)
    assert sorted(layout.slot[layout.slot >= 0].tolist()) == [0, 1, 2]


def test_gradients_reach_the_tokens_that_take_part(kit, reader):
    mask = torch.tensor([[True, False], [True, True]])
    _, layout = laid_out(reader, [mask])
    graphs = torch.randn(4, 32, requires_grad=True)
    reader.embed(layout, graphs).sum().backward()
    assert torch.equal(graphs.grad[:, 0], torch.tensor([1.0, 0.0, 1.0, 1.0]))


def test_the_constant_part_is_read_once(kit, reader, monkeypatch):
    read = []
    start = Prefix.__init__

    def counted(self, llm, ids):
        read.append(ids)
        start(self, llm, ids)

    monkeypatch.setattr(Prefix, "__init__", counted)
    wanted = torch.ones(2, 1).bool()
    prefix, layout = laid_out(reader, [torch.ones(2, 2).bool()])
    for graphs in (torch.randn(4, 32), torch.randn(4, 32)):
        reader.logits(prefix, layout, graphs, wanted, share=True)
    other, layout = laid_out(reader, [torch.ones(2, 2).bool()], ["a", "b"])
    assert other == prefix
    reader.logits(prefix, layout, torch.randn(4, 32), wanted, share=True)
    assert read == [prefix]
    reader.logits(prefix, layout, torch.randn(4, 32), wanted, share=False)
    assert len(read) == 1
    reader.forget()
    reader.logits(prefix, layout, torch.randn(4, 32), wanted, share=True)
    assert len(read) == 2


def test_the_last_layer_reads_what_is_wanted(reader):
    llm, ids = reader.llm, torch.tensor([[3, 4, 5, 6], [7, 8, 9, 10]])
    full = llm(ids).logits
    wanted = torch.tensor([[False, True, True], [True, False, True]])
    sizes = []
    hook = llm.lm_head.register_forward_hook(lambda m, i, o: sizes.append(o.shape))
    with only_rows(llm, wanted):
        found = llm(ids, logits_to_keep=3).logits
    hook.remove()
    assert sizes == [(4, llm.config.vocab_size)]
    rows = [full[0, 2], full[0, 3], full[1, 1], full[1, 3]]
    torch.testing.assert_close(found.view(4, -1), torch.stack(rows))
    torch.testing.assert_close(llm(ids).logits, full)  # as before


def test_the_last_layer_is_set_free_after_an_error(reader):
    with pytest.raises(KeyError), only_rows(reader.llm, torch.ones(1, 1).bool()):
        raise KeyError("x")
    assert reader.llm(torch.tensor([[3, 4]])).logits.shape[:2] == (1, 2)


def test_length_is_checked_with_what_will_follow(kit):
    tokenizer, mask = kit.tokenizers["gpt2"], torch.ones(1, 2).bool()
    free = Reader(tiny_llm("gpt2", tokenizer), tokenizer, False, False)
    prefix, layout = laid_out(free, [mask])
    length = len(prefix) + layout.ids.size(1)
    llm = tiny_llm("gpt2", tokenizer, n_positions=length + 3)
    reader = Reader(llm, tokenizer, False, False)
    laid_out(reader, [mask], room=3)
    with pytest.raises(PromptError, match=f"has {length + 4} tokens .* gpt2 sees"):
        laid_out(reader, [mask], room=4)

"""Tiny models, and the likelihood of an answer computed the plain way."""

import re

import pytest
import torch

from graphllm.graph_tokens import GraphTokens, HopField
from graphllm.models import LLaGA
from graphllm.testing.tiny_llms import byte_tokenizer, llama_tokenizer, tiny_llm

# Family of the model, kind of tokenizer, whether it has a chat template.
KINDS = {
    "llama": ("llama", llama_tokenizer, False),
    "llama-chat": ("llama", llama_tokenizer, True),
    "gpt2": ("gpt2", byte_tokenizer, False),
    "qwen2-chat": ("qwen2", byte_tokenizer, True),
}
CHANNELS = 6
_tokenizers = {
    name: make(chat) for name, (_, make, chat) in KINDS.items()
}  # read-only: training one takes longer than a test


def build(kind="llama", *, llm_options=None, hidden_size=32, **options):
    """A LLaGA around a fresh random language model, always the same one."""
    tokenizer = _tokenizers[kind]
    llm = tiny_llm(
        KINDS[kind][0], tokenizer, hidden_size=hidden_size, **(llm_options or {})
    )
    torch.manual_seed(3)
    options = {"template": HopField(3), "in_channels": CHANNELS, **options}
    return LLaGA(llm, tokenizer, **options)


def graph_tokens(lengths, width=4, channels=CHANNELS, seed=0):
    """Random tokens; row ``i`` has ``lengths[i]`` real ones, the others are PAD."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), width, channels, generator=generator)
    mask = torch.arange(width) < torch.tensor(lengths).view(-1, 1)
    nodes = torch.arange(len(lengths) * width).view(-1, width)
    return GraphTokens(x, mask, nodes.masked_fill(~mask, -1))


def row_of(tokens, row):
    return [GraphTokens(*(part[row : row + 1] for part in each)) for each in tokens]


def rendered(tokenizer, prompt):
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
    if tokenizer.chat_template is None:
        return "\n\n".join(turn["content"] for turn in turns)
    if "no system" in tokenizer.chat_template and len(turns) == 2:
        joined = f"{turns[0]['content']}\n\n{turns[1]['content']}"
        turns = [{"role": "user", "content": joined}]
    return tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True
    )


def question_vectors(model, prompt, tokens, row, text=None):
    """The input of one question, part by part, nothing cached and nothing padded."""
    tokenizer, words = model.tokenizer, model.llm.get_input_embeddings()
    parts, graph, bare = [], 0, tokenizer.chat_template is None
    for number, part in enumerate(
        re.split("(<graph>|<text>)", rendered(tokenizer, prompt))
    ):
        if part == "<graph>":
            each = tokens[graph]
            vectors = model.projector(each.x[row])
            if model.pad_mode == "mask":
                vectors = vectors[each.mask[row]]
            elif model.pad_mode == "zero":
                vectors = torch.where(
                    each.mask[row].unsqueeze(1), vectors, torch.zeros(())
                )
            parts.append(vectors.to(words.weight.dtype))
            graph += 1
        elif part == "<text>":
            ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)
            parts.append(words(torch.tensor(ids["input_ids"], dtype=torch.long)))
        elif part:
            ids = tokenizer(part, add_special_tokens=bare and number == 0)["input_ids"]
            parts.append(words(torch.tensor(ids)))
    return torch.cat(parts).unsqueeze(0)


def answer_ids(tokenizer, answer):
    lead = " " if tokenizer.chat_template is None else ""
    ids = tokenizer(lead + answer, add_special_tokens=False)["input_ids"]
    return [*ids, tokenizer.eos_token_id]


def log_likelihood(model, prompt, tokens, row, answer, text=None):
    """Log-probabilities of the answer's tokens, from one forward without a cache."""
    ids = answer_ids(model.tokenizer, answer)
    question = question_vectors(model, prompt, tokens, row, text)
    words = model.llm.get_input_embeddings()
    read = torch.cat([question, words(torch.tensor([ids]))], 1)
    logits = model.llm(inputs_embeds=read, use_cache=False).logits[0].float()
    logp = logits.log_softmax(-1)
    start = question.size(1) - 1
    return torch.stack([logp[start + at, token] for at, token in enumerate(ids)])


def greedy_by_hand(model, prompt, tokens, row, count, text=None):
    """Greedy tokens, the whole sequence read anew for each."""
    ids = []
    question = question_vectors(model, prompt, tokens, row, text)
    words = model.llm.get_input_embeddings()
    for _ in range(count):
        tail = words(torch.tensor([ids], dtype=torch.long))
        read = torch.cat([question, tail], 1)
        logits = model.llm(inputs_embeds=read, use_cache=False).logits
        token = int(logits[0, -1].argmax())
        if token == model.tokenizer.eos_token_id:
            break
        ids.append(token)
    return ids


class Kit:
    """The functions above, for tests that cannot import this file."""

    build = staticmethod(build)
    graph_tokens = staticmethod(graph_tokens)
    row_of = staticmethod(row_of)
    question_vectors = staticmethod(question_vectors)
    answer_ids = staticmethod(answer_ids)
    log_likelihood = staticmethod(log_likelihood)
    greedy_by_hand = staticmethod(greedy_by_hand)
    tokenizers = _tokenizers
    kinds = tuple(KINDS)


@pytest.fixture(scope="session")
def kit():
    return Kit


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param

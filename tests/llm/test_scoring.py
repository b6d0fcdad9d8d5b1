import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from graphllm.errors import PromptError
from graphllm.llm.scoring import score_candidates, split_ids


def full_forward(model, prefix, tail):
    """The definition: one forward over everything, no cache."""
    ids = torch.tensor([[*prefix, *tail]])
    with torch.no_grad():
        chances = model(ids, use_cache=False).logits[0].double().log_softmax(-1)
    rows = range(len(prefix) - 1, len(prefix) + len(tail) - 1)
    return sum(chances[row, token] for row, token in zip(rows, tail, strict=True))


@pytest.mark.parametrize("rows", [1, 2, 16])
def test_equals_the_full_forward(tiny_model, rows):
    prefix = [5, 80, 33, 200, 17]
    tails = [[7], [9, 300, 12, 40], [9, 301], [100, 3, 3], [8]]
    scores = score_candidates(tiny_model, prefix, tails, rows)
    expected = torch.stack([full_forward(tiny_model, prefix, tail) for tail in tails])
    assert torch.allclose(scores.double(), expected, atol=1e-4)


def test_all_single_tokens_sum_to_one(tiny_model):
    tails = [[token] for token in range(tiny_model.config.vocab_size)]
    scores = score_candidates(tiny_model, [5, 80], tails, 8)
    assert scores.exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_prompt_is_read_once(tiny_model):
    widths = []
    hook = tiny_model.register_forward_pre_hook(
        lambda module, args, kwargs: widths.append(tuple(args[0].shape)),
        with_kwargs=True,
    )
    score_candidates(tiny_model, list(range(20, 60)), [[3, 4], [5, 6, 7], [8]], 16)
    hook.remove()
    assert widths == [(1, 40), (2, 2)]


def test_candidate_tokens_follow_the_prompt(tiny_tokenizer):
    prefix, tails = split_ids(tiny_tokenizer, "the graph", [" of", "s"], True)
    assert tiny_tokenizer.decode(prefix) == "the graph"
    assert [tiny_tokenizer.decode(tail) for tail in tails] == [" of", "s"]


def test_trailing_blank_moves_to_the_candidate(tiny_tokenizer):
    assert split_ids(tiny_tokenizer, "the graph ", ["of"], True) == split_ids(
        tiny_tokenizer, "the graph", [" of"], True
    )


def words(*merges):
    letters = [*"abc"]
    vocabulary = {token: i for i, token in enumerate([*letters, *merges, "[SEP]"])}
    model = models.BPE(vocabulary, [tuple(merge) for merge in merges])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, sep_token="[SEP]")


def test_merge_at_the_border_is_undone():
    tokenizer = words("ab")
    assert tokenizer("cab")["input_ids"] == [2, 3]
    assert split_ids(tokenizer, "ca", ["b", "ab"], True) == ([2, 0], [[1], [3]])


def test_closing_token_is_left_out():
    from tokenizers.processors import TemplateProcessing

    tokenizer = words()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A [SEP]", special_tokens=[("[SEP]", 3)]
    )
    assert tokenizer("ab")["input_ids"] == [0, 1, 3]
    assert split_ids(tokenizer, "ab", ["c"], True) == ([0, 1], [[2]])


def test_nothing_to_score(tiny_tokenizer):
    with pytest.raises(PromptError, match="the candidate '' has no tokens"):
        split_ids(tiny_tokenizer, "the graph", ["a", ""], True)
    with pytest.raises(PromptError, match="the prompt has no tokens"):
        split_ids(tiny_tokenizer, "", ["a"], True)

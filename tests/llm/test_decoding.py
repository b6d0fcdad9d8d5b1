import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.llm import Message, Request
from graphllm.llm.decoding import RowSampler, RowStop, cut, keep_top_p


def ask(**fields):
    return Request((Message("user", "x"),), **fields)


def test_keep_top_p_by_hand():
    logits = torch.tensor([0.5, 0.2, 0.25, 0.05]).log()
    kept = keep_top_p(logits, 0.7) > float("-inf")
    assert kept.tolist() == [True, False, True, False]
    assert torch.equal(keep_top_p(logits, 1.0), logits)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 50), st.floats(0.01, 1.0), st.integers(0, 10**6))
def test_keep_top_p_is_the_smallest_set(size, top_p, seed):
    logits = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    kept = keep_top_p(logits, top_p) > float("-inf")
    chances = logits.softmax(0)[kept]
    assert kept[logits.argmax()]
    assert chances.sum() >= min(top_p, 1) - 1e-5
    if len(chances) > 1:
        assert chances.sum() - chances.min() < top_p + 1e-5


def test_samples_follow_the_softmax():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]])
    sampler = RowSampler([ask(temperature=0.5, seed=3)])
    counts = torch.zeros(4)
    for _ in range(4000):
        counts[sampler(None, logits).argmax()] += 1
    expected = (logits[0] / 0.5).softmax(0)
    assert torch.allclose(counts / 4000, expected, atol=0.025)


def test_greedy_rows_stay_as_they_are():
    logits = torch.randn(2, 8)
    out = RowSampler([ask(), ask(temperature=1.0, seed=1)])(None, logits)
    assert torch.equal(out[0], logits[0])
    assert not torch.equal(out[1], logits[1])


def test_a_row_does_not_depend_on_its_neighbours():
    logits = torch.randn(3, 8)
    sampled = ask(temperature=1.0, seed=5)
    alone = RowSampler([sampled])(None, logits[1:2])
    batch = RowSampler([ask(temperature=2.0, seed=9), sampled, ask()])(None, logits)
    assert torch.equal(batch[1], alone[0])


def test_the_global_generator_is_left_alone_where_there_is_a_seed():
    state = torch.get_rng_state()
    RowSampler([ask(temperature=1.0, seed=5)])(
        None, torch.randn(1, 4, generator=torch.Generator())
    )
    assert torch.equal(torch.get_rng_state(), state)
    first, second = (RowSampler([ask(temperature=1.0)]) for _ in range(2))
    zeros = torch.zeros(1, 16)
    assert not torch.equal(first(None, zeros), second(None, zeros))


class Letters:
    def decode(self, ids):
        return "".join(chr(97 + int(token)) for token in ids)


def test_rows_stop_at_their_own_limit_and_string():
    requests = [ask(), ask(stop=("bc",)), ask(stop=("zz", "x"))]
    stop = RowStop(requests, [2, 9, 9], width=2, tokenizer=Letters())
    prompt = torch.tensor([[1, 2]] * 3)

    def after(*rows):
        return stop(torch.cat([prompt, torch.tensor(rows)], 1), None).tolist()

    assert after([0], [1], [2]) == [False, False, False]
    assert after([0, 0], [1, 2], [2, 2]) == [True, True, False]


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("a b", (), ("a b", False)),
        ("one. two", (".",), ("one", True)),
        ("one; two.", (".", ";"), ("one", True)),
        ("none", ("x",), ("none", False)),
    ],
)
def test_cut(text, stops, expected):
    assert cut(text, stops) == expected

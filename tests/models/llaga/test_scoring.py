import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.models.llaga.scoring import (
    balance,
    pack_candidates,
    sum_by_candidate,
    tree_mask,
)

CANDIDATES = st.lists(
    st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=5
)


def test_packing_by_hand():
    packed = pack_candidates([[5, 6, 7], [8], [9, 2]])
    assert packed.ids.tolist() == [5, 6, 9]
    assert packed.position.tolist() == [0, 1, 0]
    assert packed.owner.tolist() == [0, 0, 2]
    assert packed.source.tolist() == [-1, 0, 1, -1, -1, 2]
    assert packed.target.tolist() == [5, 6, 7, 8, 9, 2]
    assert packed.target_owner.tolist() == [0, 0, 0, 1, 2, 2]


@settings(max_examples=25, deadline=None)
@given(CANDIDATES, st.integers(0, 10_000))
def test_sums_equal_a_loop_over_candidates(candidates, seed):
    packed = pack_candidates(candidates)
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 1 + packed.ids.numel(), 10, generator=generator)
    found = sum_by_candidate(logits, packed, len(candidates)).double()
    logp = torch.log_softmax(logits.double(), -1)
    begin = 1
    for index, candidate in enumerate(candidates):
        rows = [0, *range(begin, begin + len(candidate) - 1)]
        begin += len(candidate) - 1
        wanted = sum(
            logp[:, row, token] for row, token in zip(rows, candidate, strict=True)
        )
        torch.testing.assert_close(found[:, index], wanted, rtol=1e-5, atol=1e-5)


def test_half_precision_logits_are_summed_in_float32():
    packed = pack_candidates([[1, 2], [0]])
    logits = torch.randn(1, 2, 4).bfloat16()
    assert sum_by_candidate(logits, packed, 2).dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(CANDIDATES, st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))
def test_mask_equals_its_definition(candidates, length, past, rows):
    packed = pack_candidates(candidates)
    pads = torch.arange(rows) % length
    real = torch.arange(length) >= pads.view(-1, 1)
    mask = tree_mask(real, past, packed.owner, torch.float32)
    total = length + packed.ids.numel()
    assert mask.shape == (rows, 1, total, past + total)
    wanted = np.zeros((rows, total, past + total), dtype=bool)
    owner = [None] * length + packed.owner.tolist()
    for row in range(rows):
        for query in range(total):
            wanted[row, query, :past] = True
            for key in range(query + 1):
                if owner[key] is None:
                    sees = bool(real[row, key])
                else:
                    sees = owner[key] == owner[query]
                wanted[row, query, past + key] = sees
    assert ((mask[:, 0] == 0).numpy() == wanted).all()
    assert (mask[:, 0].numpy()[~wanted] == np.finfo(np.float32).min).all()


def test_mask_has_the_type_of_the_model():
    mask = tree_mask(torch.ones(1, 2).bool(), 1, torch.tensor([0]), torch.bfloat16)
    assert mask.dtype == torch.bfloat16
    assert mask.isfinite().all()


def test_balanced_answers_have_equal_mass():
    scores = torch.randn(50, 4) + torch.tensor([3.0, 0.0, -2.0, 0.5])
    found = balance(scores)
    mass = (found - scores.logsumexp(-1, keepdim=True)).exp().mean(0)
    torch.testing.assert_close(mass, torch.ones(4))
    # A constant liking is taken out, whatever its size.
    shifted = balance(torch.randn(2000, 3).repeat(2, 1))
    assert shifted.argmax(-1).bincount(minlength=3).min() > 1000


def test_balance_by_hand():
    share = torch.tensor([[0.9, 0.1], [0.7, 0.3]])
    found = balance(share.log()).exp()
    torch.testing.assert_close(found, share / torch.tensor([0.8, 0.2]))
    assert balance(share.log()).argmax(-1).tolist() == [0, 1]


def test_balance_of_scores_that_rule_an_answer_out():
    scores = torch.tensor([[0.0, -1e4], [0.0, -1e4]])
    assert balance(scores).isfinite().all()
    assert balance(scores)[0, 0] == pytest.approx(0.0)
    # However unlikely an answer is, the question that makes it likelier gets it.
    assert balance(torch.tensor([[0.0, -40.0], [0.0, -45.0]])).argmax(1).tolist() == [
        1,
        0,
    ]

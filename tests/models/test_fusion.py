import pytest
import torch
import torch.nn.functional as F

from graphllm.models import fuse

X = F.normalize(torch.arange(12, dtype=torch.float).view(4, 3) + 1, dim=-1)
MASK = torch.tensor([False, True, False, True])
X_LLM = F.normalize(torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 1.0]]), dim=-1)


def test_replace_puts_rows_at_their_nodes():
    out = fuse(X, X_LLM, MASK, "replace")
    assert torch.equal(out[1], X_LLM[0])
    assert torch.equal(out[3], X_LLM[1])
    assert torch.equal(out[~MASK], X[~MASK])


def test_mix_by_hand_keeps_the_length():
    x = torch.tensor([[3.0, 4.0]])
    out = fuse(x, torch.tensor([[5.0, 0.0]]), torch.tensor([True]), "mix", mix=0.5)
    # 0.5 * (5, 0) + 0.5 * (3, 4) = (4, 2), scaled to length 5
    assert torch.allclose(out, torch.tensor([[4.0, 2.0]]) * 5 / 20**0.5)


def test_mix_gives_a_row_of_zeros_the_enhanced_length():
    out = fuse(
        torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), torch.tensor([True]), "mix"
    )
    assert torch.allclose(out, torch.tensor([[3.0, 4.0]]))


@pytest.mark.parametrize(("mix", "expected"), [(0.0, X[MASK]), (1.0, X_LLM)])
def test_mix_ends(mix, expected):
    assert torch.allclose(fuse(X, X_LLM, MASK, "mix", mix=mix)[MASK], expected)


def test_random_view_shows_both_versions_in_training_and_one_in_evaluation():
    torch.manual_seed(0)
    rows = torch.stack([fuse(X, X_LLM, MASK, training=True)[MASK] for _ in range(64)])
    is_llm = (rows == X_LLM).all(-1)
    is_plain = (rows == X[MASK]).all(-1)
    assert bool((is_llm | is_plain).all())
    share = is_llm.float().mean()
    assert 0.3 < share < 0.7
    # each node draws for itself
    assert bool((is_llm[:, 0] != is_llm[:, 1]).any())
    assert torch.equal(fuse(X, X_LLM, MASK)[MASK], X_LLM)


def test_the_input_is_left_alone():
    before = X.clone()
    fuse(X, X_LLM, MASK, "replace")
    assert torch.equal(X, before)


def test_an_empty_mask_changes_nothing():
    none = torch.zeros(4, dtype=torch.bool)
    assert torch.equal(fuse(X, X_LLM[:0], none, "mix"), X)


@pytest.mark.parametrize(
    ("x_llm", "mask"),
    [(X_LLM[:1], MASK), (X_LLM[:, :2], MASK), (X_LLM, MASK[:3])],
)
def test_shapes_that_do_not_fit(x_llm, mask):
    with pytest.raises(ValueError, match="'x_llm' must have shape"):
        fuse(X, x_llm, mask)

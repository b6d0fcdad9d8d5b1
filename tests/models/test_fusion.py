import pytest
import torch
import torch.nn.functional as F

from graphllm.models import fuse
from graphllm.models.fusion import keep_length, mean_view

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


# ------------------------------------------------------------------ several views

VIEWS = F.normalize(torch.arange(18, dtype=torch.float).view(2, 3, 3).sin(), dim=-1)
VALID = torch.tensor([[True, False, True], [True, True, True]])


@pytest.mark.parametrize("fusion", ["replace", "multi", "random_view"])
def test_the_mean_of_the_valid_views_by_hand(fusion):
    out = fuse(X, VIEWS, MASK, fusion, view_mask=VALID)
    first = VIEWS[0, [0, 2]].mean(dim=0)
    second = VIEWS[1].mean(dim=0)
    assert torch.allclose(out[1], first / first.norm())
    assert torch.allclose(out[3], second / second.norm())
    assert torch.equal(out[~MASK], X[~MASK])


def test_the_mean_has_the_mean_length_of_the_views():
    views = torch.tensor([[[3.0, 0.0], [0.0, 1.0]]])
    both = mean_view(views, torch.tensor([[True, True]]))
    assert torch.allclose(both, torch.tensor([[3.0, 1.0]]) * 2 / 10**0.5)
    one = mean_view(views, torch.tensor([[False, True]]))
    assert torch.allclose(one, torch.tensor([[0.0, 1.0]]))


def test_mix_starts_from_the_mean_view():
    mean = fuse(X, VIEWS, MASK, "multi", view_mask=VALID)[MASK]
    out = fuse(X, VIEWS, MASK, "mix", mix=0.25, view_mask=VALID)
    assert torch.allclose(out, fuse(X, mean, MASK, "mix", mix=0.25))


@pytest.mark.parametrize("fusion", ["replace", "multi", "mix", "random_view"])
def test_one_view_is_the_same_with_and_without_its_dimension(fusion):
    for training in (False, True):
        torch.manual_seed(1)
        flat = fuse(X, X_LLM, MASK, fusion, training=training)
        torch.manual_seed(1)
        deep = fuse(X, X_LLM.unsqueeze(1), MASK, fusion, training=training)
        assert torch.equal(flat, deep)


def test_random_view_draws_among_plain_and_valid_views():
    torch.manual_seed(0)
    rows = torch.stack(
        [fuse(X, VIEWS, MASK, training=True, view_mask=VALID)[MASK] for _ in range(600)]
    )
    choices = torch.cat([X[MASK].unsqueeze(1), VIEWS], dim=1)
    share = (rows.unsqueeze(2) == choices).all(-1).float().mean(dim=0)
    expected = torch.tensor([[1 / 3, 1 / 3, 0, 1 / 3], [1 / 4, 1 / 4, 1 / 4, 1 / 4]])
    assert torch.allclose(share, expected, atol=0.08)
    assert float(share[0, 2]) == 0
    assert torch.allclose(share.sum(dim=1), torch.ones(2))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fusion", ["replace", "multi", "mix", "random_view"])
def test_a_node_without_a_valid_view_stays_plain(fusion, training):
    views = VIEWS.clone()
    views[0] = torch.nan
    nothing = torch.tensor([[False, False, False], [True, False, False]])
    out = fuse(X, views, MASK, fusion, training=training, view_mask=nothing)
    assert torch.equal(out[1], X[1])
    assert bool(out.isfinite().all())


def test_a_module_gets_rows_views_and_their_mask():
    seen = []

    def module(plain, views, view_mask):
        seen.extend([plain, views, view_mask])
        return plain + 1

    out = fuse(X, X_LLM, MASK, module)
    assert torch.equal(out[MASK], X[MASK] + 1)
    assert torch.equal(seen[0], X[MASK])
    assert torch.equal(seen[1], X_LLM.unsqueeze(1))
    assert bool(seen[2].all())


def test_keep_length_falls_back_where_there_is_none():
    blend = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    plain = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    other = torch.tensor([[9.0, 9.0], [3.0, 4.0]])
    expected = torch.tensor([[2.0, 0.0], [5.0, 0.0]])
    assert torch.allclose(keep_length(blend, plain, other), expected)


def test_a_mask_of_views_that_does_not_fit():
    with pytest.raises(ValueError, match=r"'view_mask' must have shape \(2, 3\)"):
        fuse(X, VIEWS, MASK, view_mask=VALID[:, :2])
    with pytest.raises(ValueError, match="'x_llm' must have shape"):
        fuse(X, VIEWS[:1], MASK, view_mask=VALID)


def test_a_fusion_with_parameters_needs_its_module():
    with pytest.raises(ValueError, match=r"fusion 'gate' has parameters; pass the"):
        fuse(X, X_LLM, MASK, "gate")

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphllm.data import SPLITS, apply_split, validate_text_graph
from graphllm.errors import TextGraphError, UnknownNameError

RANDOM = ["random-60-20-20", "random-20-30-per-class"]


def labelled(y):
    return Data(
        y=torch.tensor(y),
        label_names=[str(name) for name in range(max(max(y) + 1, 1))],
        text=[""] * len(y),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        num_nodes=len(y),
    )


def masks(data):
    return [data.train_mask, data.val_mask, data.test_mask]


@given(
    st.lists(st.integers(-1, 3), min_size=1, max_size=80).filter(lambda y: max(y) >= 0),
    st.sampled_from(RANDOM),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_random_splits_cover_the_labelled_nodes_once(y, split, seed):
    try:
        data = apply_split(labelled(y), split, seed)
    except TextGraphError as error:
        # Refused only where a part would be empty: five nodes always suffice for
        # shares, three of one class for counts.
        known = [label for label in y if label >= 0]
        most = max(known.count(label) for label in known)
        assert (len(known) if split == "random-60-20-20" else most) < 5
        assert "too few" in str(error)  # noqa: PT017
        return
    assert torch.stack(masks(data)).sum(0).equal((data.y >= 0).long())
    validate_text_graph(data)


@pytest.mark.parametrize("split", RANDOM)
def test_seed_decides(split):
    data = labelled([0, 1, 2, 1] * 50)
    first = torch.stack(masks(apply_split(data, split, 3)))
    torch.randperm(10)  # whatever else was drawn before
    assert torch.stack(masks(apply_split(data, split, 3))).equal(first)
    assert not torch.stack(masks(apply_split(data, split, 4))).equal(first)


def test_60_20_20_counts():
    data = apply_split(labelled([0, 1] * 50 + [-1] * 7), "random-60-20-20")
    assert [int(mask.sum()) for mask in masks(data)] == [60, 20, 20]


def test_per_class_counts():
    # large, just large enough, small (40 % of 10), tiny, single
    sizes = [100, 52, 10, 2, 1]
    y = [label for label, size in enumerate(sizes) for _ in range(size)]
    data = apply_split(labelled(y), "random-20-30-per-class", seed=1)
    counts = [
        torch.bincount(data.y[mask], minlength=5).tolist() for mask in masks(data)
    ]
    assert counts == [[20, 20, 4, 1, 1], [30, 30, 4, 1, 0], [50, 2, 2, 0, 0]]


def test_a_class_without_nodes_is_skipped():
    data = apply_split(labelled([0] * 60 + [2] * 60), "random-20-30-per-class")
    assert int(data.train_mask.sum()) == 40


def test_the_original_is_left_alone(tiny):
    before = tiny.train_mask.clone()
    other = apply_split(tiny, "random-60-20-20", 1)
    assert tiny.train_mask.equal(before)
    assert other.text is tiny.text


@pytest.mark.parametrize("split", ["file", "planetoid-public"])
def test_masks_of_the_data(tiny, split):
    assert apply_split(tiny, split, seed=9).train_mask.equal(tiny.train_mask)


@pytest.mark.parametrize("split", ["file", "planetoid-public"])
@pytest.mark.parametrize("name", ["train_mask", "val_mask", "test_mask"])
def test_masks_missing_or_empty(tiny, split, name):
    other = tiny.clone()
    setattr(other, name, torch.zeros(6, dtype=torch.bool))
    with pytest.raises(TextGraphError, match=f"needs a '{name}'.*random-60-20-20"):
        apply_split(other, split)
    delattr(other, name)
    with pytest.raises(TextGraphError, match=name):
        apply_split(other, split)


@pytest.mark.parametrize("split", RANDOM)
def test_no_labelled_node(split):
    with pytest.raises(TextGraphError, match="all labels are -1"):
        apply_split(labelled([-1, -1]), split)


@pytest.mark.parametrize("split", SPLITS)
def test_no_labels(split):
    with pytest.raises(TextGraphError, match="no labels"):
        apply_split(Data(num_nodes=3), split)


def test_unknown_split(tiny):
    with pytest.raises(UnknownNameError, match="Did you mean 'random-60-20-20'"):
        apply_split(tiny, "random-60-20")

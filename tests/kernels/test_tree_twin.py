import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.kernels.sample import _below, _mix
from graphllm.kernels.tree import sample_trees
from graphllm.kernels.tree_twin import _below as twin_below
from graphllm.kernels.tree_twin import _mix as twin_mix
from graphllm.kernels.tree_twin import _signed, sample_trees_twin


def random_rows(seed, num_nodes=50, num_edges=500):
    """Compressed rows with loops, repeated entries and nodes that know nobody."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(num_nodes - 5, size=(2, num_edges))
    order = np.lexsort((ends[1], ends[0]))
    source, target = ends[:, order]
    indptr = np.searchsorted(source, np.arange(num_nodes + 1))
    return indptr, target.astype(np.int32)


@given(
    st.integers(0, 2**64 - 1),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_equals_the_kernel_to_the_last_bit(key, fan_outs, excluding):
    indptr, indices = random_rows(key % 7)
    rng = np.random.default_rng(key % 11)
    roots = rng.integers(50, size=9)
    exclude = rng.integers(-1, 50, size=9) if excluding else None
    if excluding and indptr[roots[0]] < indptr[roots[0] + 1]:
        exclude[0] = indices[indptr[roots[0]]]
    ours = sample_trees(indptr, indices, roots, fan_outs, key, exclude)
    twin = sample_trees_twin(
        torch.from_numpy(indptr),
        torch.from_numpy(indices),
        torch.from_numpy(roots),
        fan_outs,
        key,
        None if exclude is None else torch.from_numpy(exclude),
    )
    assert twin.dtype == torch.int32
    assert twin.numpy().tolist() == ours.tolist()


@pytest.mark.parametrize("fan_outs", [[3, 3, 3], [9, 2, 4]])
def test_equals_the_kernel_where_every_root_has_an_edge_to_leave_out(fan_outs):
    indptr, indices = random_rows(1, num_nodes=20, num_edges=160)
    roots = np.repeat(np.arange(20), np.diff(indptr))
    ours = sample_trees(indptr, indices, roots, fan_outs, 3, indices)
    twin = sample_trees_twin(
        *(torch.from_numpy(part) for part in (indptr, indices, roots)),
        fan_outs,
        3,
        torch.from_numpy(indices),
    )
    assert twin.numpy().tolist() == ours.tolist()
    # both rules are at work: at the root again, and at the other end
    deep = ours[:, 1 + fan_outs[0] :]
    assert (deep == roots[:, None]).any()
    assert (deep == indices[:, None]).any()


def test_the_mixer_wraps_around_like_the_kernel():
    words = [0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 0x9E3779B97F4A7C15]
    ours = [int(_mix(np.uint64(word))) for word in words]
    twin = twin_mix(torch.tensor([_signed(word) for word in words]))
    assert twin.tolist() == [_signed(word) for word in ours]


def test_draws_that_are_rejected_are_drawn_again():
    # A bound just over 2^30 rejects a quarter of the words.
    bound = 2**30 + 12345
    start = torch.arange(400)
    values, after = twin_below(start, torch.full_like(start, bound))
    retried = 0
    for at in range(400):
        value, state = _below(np.uint64(at), bound)
        assert (int(value), _signed(int(state))) == (
            int(values[at]),
            int(after[at]),
        )
        retried += int(state) != (at + 0x9E3779B97F4A7C15) % 2**64
    assert retried > 40


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_trees():
    indptr, indices = random_rows(3)
    roots = np.arange(50)
    ours = sample_trees(indptr, indices, roots, [5, 4], 11, roots[::-1])
    twin = sample_trees_twin(
        *(torch.from_numpy(part).cuda() for part in (indptr, indices, roots)),
        [5, 4],
        11,
        torch.from_numpy(roots[::-1].copy()).cuda(),
    )
    assert twin.is_cuda
    assert twin.cpu().numpy().tolist() == ours.tolist()


def test_no_roots_and_no_edges():
    indptr, indices = (torch.from_numpy(part) for part in random_rows(0))
    none = torch.empty(0, dtype=torch.long)
    assert sample_trees_twin(indptr, indices, none, [2, 2]).shape == (0, 7)
    lonely = sample_trees_twin(torch.zeros(3, dtype=torch.long), none, none + 0, [2])
    assert lonely.shape == (0, 3)
    lonely = sample_trees_twin(
        torch.zeros(3, dtype=torch.long), none, torch.tensor([1]), [2, 1]
    )
    assert lonely.tolist() == [[1, -1, -1, -1, -1]]

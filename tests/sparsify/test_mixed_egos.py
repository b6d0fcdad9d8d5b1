import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.sparsify.mixed_egos import bottom_projector, mixed_egos, star_weights


def laplacian_by_hand(adjacency):
    degree = adjacency.sum(1)
    root = np.array([1 / np.sqrt(d) if d > 0 else 0.0 for d in degree])
    return np.eye(len(degree)) - np.diag(root) @ adjacency @ np.diag(root)


def bottom_by_hand(laplacian, num_eigs):
    """Eigenvectors, the block at the border whole."""
    eigenvalue, vector = np.linalg.eigh(laplacian)
    count = min(num_eigs, -(-len(laplacian) // 4))
    while count < len(laplacian) and eigenvalue[count] - eigenvalue[count - 1] < 1e-4:
        count += 1
    return vector[:, :count]


def random_egos(num_egos, num_nodes, seed, num_experts=3, keep=0.6):
    generator = torch.Generator().manual_seed(seed)
    shape = (num_egos, num_experts, num_nodes, num_nodes)
    upper = torch.rand(shape, generator=generator) < keep
    upper = upper.triu(1).double()
    gate = torch.rand(num_egos, num_experts, generator=generator).double()
    size = torch.full((num_egos,), num_nodes)
    return upper + upper.mT, gate / gate.sum(1, keepdim=True), size


def widened(adjacency, width):
    extra = width - adjacency.size(-1)
    return torch.nn.functional.pad(adjacency, (0, extra, 0, extra))


def test_the_mixed_ego_solves_equation_11():
    # Its bottom eigenvectors, with the diagonal back, beat every other basis.
    adjacency, gate, size = random_egos(1, 8, seed=3)
    laplacians = [laplacian_by_hand(a) for a in adjacency[0].numpy()]
    bottoms = [bottom_by_hand(lap, 2) for lap in laplacians]
    projectors = [u @ u.T for u in bottoms]
    gates = gate[0].numpy()
    diagonal = sum(
        np.diag(np.diag(lap - g * p))
        for lap, g, p in zip(laplacians, gates, projectors, strict=True)
    )
    mixed = mixed_egos(adjacency, gate, size, num_eigs=2)[0].numpy()
    ours = np.linalg.eigh(diagonal - mixed)[1][:, :2]

    def objective(u):
        traces = sum(np.trace(u.T @ lap @ u) for lap in laplacians)
        return traces + sum(
            g * (2 - np.trace(u @ u.T @ p))
            for g, p in zip(gates, projectors, strict=True)
        )

    rng = np.random.default_rng(0)
    for scale in (0.01, 0.1, 1.0):
        for _ in range(20):
            other = np.linalg.qr(ours + scale * rng.normal(size=ours.shape))[0]
            assert objective(ours) < objective(other)


def test_mixed_egos_are_symmetric_with_an_empty_diagonal():
    mixed = mixed_egos(*random_egos(20, 9, seed=0))
    torch.testing.assert_close(mixed, mixed.mT, atol=1e-12, rtol=0)
    assert not mixed.diagonal(dim1=1, dim2=2).any()
    assert mixed.abs().max() > 0.1


def test_any_basis_of_the_same_spaces_gives_the_same_weights(monkeypatch):
    adjacency, gate, size = random_egos(30, 8, seed=1, keep=0.4)
    before = mixed_egos(adjacency, gate, size, num_eigs=2)
    plain = torch.linalg.eigh

    def turned(matrix):
        value, vector = plain(matrix)
        # Within each block of equal eigenvalues, any rotation or reflection.
        same = (value[..., :, None] - value[..., None, :]).abs() < 1e-6
        mix = torch.randn(same.shape, dtype=vector.dtype) * same
        orthogonal = torch.linalg.svd(mix)
        return value, vector @ (orthogonal.U @ orthogonal.Vh)

    monkeypatch.setattr(torch.linalg, "eigh", turned)
    after = mixed_egos(adjacency, gate, size, num_eigs=2)
    torch.testing.assert_close(after, before, atol=1e-10, rtol=0)
    vectors = turned(laplacians_of(adjacency))[1] - plain(laplacians_of(adjacency))[1]
    assert vectors.abs().max() > 0.5


def laplacians_of(adjacency):
    flat = adjacency.flatten(0, 1).numpy()
    return torch.from_numpy(np.stack([laplacian_by_hand(a) for a in flat]))


def test_a_degenerate_block_is_taken_whole():
    # The normalised adjacency of a cycle of 8 has 1, then two times cos(pi / 4), ...
    cycle = torch.from_numpy(nx.to_numpy_array(nx.cycle_graph(8))).view(1, 1, 8, 8) / 2
    size = torch.tensor([8])
    for num_eigs, taken in ((1, 1), (2, 3)):
        projector = bottom_projector(cycle, size, num_eigs)[0, 0]
        assert projector.trace().item() == pytest.approx(taken)
        torch.testing.assert_close(projector @ projector, projector)
        # It commutes with turning the cycle, as no part of the block would.
        turned = projector.roll((1, 1), (0, 1))
        torch.testing.assert_close(turned, projector, atol=1e-12, rtol=0)


def test_a_quarter_of_the_nodes_are_eigenvectors():
    path = nx.to_numpy_array(nx.path_graph(13))
    for size, num_eigs, taken in ((13, 9, 4), (13, 3, 3), (8, 9, 2), (5, 9, 2)):
        part = np.eye(size) - laplacian_by_hand(path[:size, :size])
        padded = widened(torch.from_numpy(part).view(1, 1, size, size), 16)
        projector = bottom_projector(padded, torch.tensor([size]), num_eigs)
        assert projector[0, 0].trace().item() == pytest.approx(taken)


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.7])
def test_padding_changes_nothing(keep):
    adjacency, gate, size = random_egos(40, 7, seed=2, keep=keep)
    narrow = mixed_egos(adjacency, gate, size)
    for width in (8, 16, 32):
        wide = mixed_egos(widened(adjacency, width), gate, size)
        torch.testing.assert_close(wide[:, :7, :7], narrow, atol=1e-10, rtol=0)
        assert not wide[:, 7:].any()
        assert not wide[:, :, 7:].any()


def test_padding_never_enters_the_bottom_space():
    # All nodes isolated: every eigenvalue is one, and the block ends where they end.
    empty = torch.zeros(1, 1, 16, 16, dtype=torch.double)
    projector = bottom_projector(empty, torch.tensor([5]), 4)[0, 0]
    expected = torch.diag(torch.tensor([1.0] * 5 + [0.0] * 11, dtype=torch.double))
    torch.testing.assert_close(projector, expected)


@settings(max_examples=25, deadline=None)
@given(
    leaves=st.integers(1, 15),
    num_eigs=st.integers(1, 6),
    how=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 10**6),
)
def test_stars_in_closed_form_are_stars_solved(leaves, num_eigs, how, seed):
    generator = torch.Generator().manual_seed(seed)
    adjacency = torch.zeros(4, 2, 16, 16, dtype=torch.double)
    kept = (torch.rand(4, 2, leaves, generator=generator) < 0.6).double()
    adjacency[:, :, 0, 1 : leaves + 1] = adjacency[:, :, 1 : leaves + 1, 0] = kept
    gate = torch.rand(4, 2, generator=generator).double()
    gate[3, 1] = 0
    size = torch.full((4,), leaves + 1)
    solved = mixed_egos(adjacency, gate, size, num_eigs, *how)
    closed = star_weights(adjacency, gate, *how)
    torch.testing.assert_close(closed, solved[:, 0], atol=1e-10, rtol=0)


def test_a_star_by_hand():
    # Expert 0 keeps four leaves, expert 1 one of them.
    adjacency = torch.zeros(1, 2, 8, 8, dtype=torch.double)
    adjacency[0, 0, 0, 1:5] = adjacency[0, 1, 0, 4] = 1
    gate = torch.tensor([[0.8, 0.2]]).double()
    weight = star_weights(adjacency, gate)[0].tolist()
    assert weight == pytest.approx([0, 0.7, 0.7, 0.7, 0.7 + 1.1, 0, 0, 0])
    plain = star_weights(adjacency, gate, normalize=False)[0].tolist()
    assert plain == pytest.approx([0, 1.2, 1.2, 1.2, 1.2 + 1.1, 0, 0, 0])


def test_the_mix_keeps_more_egos_connected_than_the_vote():
    rng = np.random.default_rng(0)
    num_egos, size, num_experts = 200, 16, 3
    adjacency = np.zeros((num_egos, num_experts, size, size))
    graphs = []
    for ego in range(num_egos):
        upper = np.triu(rng.random((size, size)) < 0.3, 1)
        upper[0, 1:] = True
        graphs.append(np.argwhere(upper))
        count = len(graphs[-1])
        for expert, sparsity in enumerate((0.2, 0.3, 0.4)):
            kept = graphs[-1][rng.permutation(count)[: round((1 - sparsity) * count)]]
            adjacency[ego, expert, kept[:, 0], kept[:, 1]] = 1
    adjacency += adjacency.transpose(0, 1, 3, 2)
    gates = rng.dirichlet(np.ones(num_experts), num_egos)
    mixed = mixed_egos(
        torch.from_numpy(adjacency),
        torch.from_numpy(gates),
        torch.full((num_egos,), size),
    ).numpy()
    vote = np.einsum("bk,bkij->bij", gates, adjacency)

    def connected(weight):
        whole = 0
        for ego, pairs in enumerate(graphs):
            strength = weight[ego][tuple(pairs.T)]
            strongest = np.argsort(-strength, kind="stable")
            sparse = nx.empty_graph(size)
            sparse.add_edges_from(pairs[strongest[: round(0.645 * len(pairs))]])
            whole += nx.is_connected(sparse)
        return whole / num_egos

    assert connected(mixed) > 0.9
    assert connected(vote) < 0.85

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.sparsify import egos
from graphllm.sparsify.grassmann import GrassmannMixer, gated_vote


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


def mixed_by_hand(adjacencies, gates, num_eigs, gate_laplacian=False, normalize=True):
    mixed = np.zeros_like(adjacencies[0])
    for adjacency, gate in zip(adjacencies, gates, strict=True):
        laplacian = laplacian_by_hand(adjacency)
        bottom = bottom_by_hand(laplacian, num_eigs)
        weight = gate if gate_laplacian else 1.0
        counted = laplacian if normalize else -adjacency
        mixed += weight * counted - gate * bottom @ bottom.T
    return np.diag(np.diag(mixed)) - mixed


class Oracle:
    """The whole mixer in plain Python, node by node and pair by pair."""

    def __init__(self, pairs, masks, gates, score, num_eigs, max_ego, *how):
        self.pairs, self.masks, self.gates, self.score = pairs, masks, gates, score
        self.num_eigs, self.max_ego = num_eigs, max_ego
        self.how = how

    def kept(self, tail, head, expert):
        return any(
            self.masks[e][expert]
            for e, pair in enumerate(self.pairs)
            if pair == (tail, head)
        )

    def connected(self, members, i, j, expert):
        u, v = members[i], members[j]
        if i == 0:
            return self.kept(v, u, expert)
        return self.kept(u, v, expert) or self.kept(v, u, expert)

    def weights(self, node):
        """Edge to weight, of the edges that enter the node."""
        incoming = [e for e, pair in enumerate(self.pairs) if pair[1] == node]
        selected = np.flatnonzero(self.gates[node])
        vote = {e: float(self.gates[node] @ self.masks[e]) for e in incoming}
        others = [e for e in incoming if self.pairs[e][0] != node]
        best = {}
        for e in others:
            source = self.pairs[e][0]
            best[source] = max(self.score[e], best.get(source, -np.inf))
        removes = any(not self.masks[e][m] for e in others for m in selected)
        if len(best) < 2 or not removes:
            return vote
        ranked = sorted(best, key=lambda source: (-best[source], source))
        members = [node, *ranked[: self.max_ego - 1]]
        size = len(members)
        adjacencies = np.zeros((len(selected), size, size))
        for place, expert in enumerate(selected):
            for i in range(size):
                for j in range(i + 1, size):
                    value = self.connected(members, i, j, expert)
                    adjacencies[place, i, j] = adjacencies[place, j, i] = value
        mixed = mixed_by_hand(
            adjacencies, self.gates[node][selected], self.num_eigs, *self.how
        )
        solved = [e for e in others if self.pairs[e][0] in members]
        weight = {e: mixed[0, members.index(self.pairs[e][0])] for e in solved}
        votes = sum(vote[e] for e in solved)
        unit = sum(weight.values()) / votes if votes > 0 else 1.0
        for e in others:
            if e not in weight:
                weight[e] = vote[e] * (unit if unit > 0 else 1.0)
        return vote | weight


def random_case(num_nodes, num_edges, num_experts, k, seed, keep=0.6):
    """A directed graph with loops and duplicates, verdicts, gates and scores."""
    rng = np.random.default_rng(seed)
    edge_index = torch.from_numpy(rng.integers(0, num_nodes, (2, num_edges)))
    masks = torch.from_numpy(rng.random((num_edges, num_experts)) < keep)
    logits = torch.from_numpy(rng.normal(size=(num_nodes, num_experts)))
    top = logits.topk(min(k, num_experts))
    gates = torch.zeros_like(logits).scatter(1, top.indices, top.values.softmax(1))
    score = torch.from_numpy(rng.integers(0, 4, num_edges).astype(float))
    return edge_index, num_nodes, masks, gates, score


def oracle_weights(case, num_eigs=4, max_ego=16, *how):
    edge_index, num_nodes, masks, gates, score = case
    pairs = [tuple(pair) for pair in edge_index.t().tolist()]
    arrays = masks.numpy(), gates.numpy(), score.numpy()
    oracle = Oracle(pairs, *arrays, num_eigs, max_ego, *how)
    weight = np.empty(len(pairs))
    for node in range(num_nodes):
        for edge, value in oracle.weights(node).items():
            weight[edge] = value
    return weight


@settings(max_examples=40, deadline=None)
@given(
    num_nodes=st.integers(1, 14),
    density=st.floats(0, 0.6),
    num_experts=st.integers(1, 4),
    k=st.integers(1, 3),
    num_eigs=st.integers(1, 5),
    max_ego=st.sampled_from([3, 5, 9, 16]),
    how=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 10**6),
)
def test_weights_are_those_of_the_paper_one_ego_at_a_time(
    num_nodes, density, num_experts, k, num_eigs, max_ego, how, seed
):
    num_edges = int(density * num_nodes**2)
    case = random_case(num_nodes, num_edges, num_experts, k, seed)
    mixer = GrassmannMixer(num_eigs, max_ego, *how)
    expected = oracle_weights(case, num_eigs, max_ego, *how)
    np.testing.assert_allclose(mixer(*case), expected, atol=1e-9)


def test_neighbours_beyond_the_cap_are_on_the_scale_of_the_others():
    leaves = torch.arange(1, 31)
    edge_index = torch.stack([leaves, torch.zeros_like(leaves)])
    masks = torch.ones(30, 2, dtype=torch.bool)
    masks[::3, 0] = masks[::5, 1] = False
    gates = torch.tensor([[0.75, 0.25]]).repeat(31, 1)
    score = torch.arange(30.0)
    case = edge_index, 31, masks, gates.double(), score
    weight = GrassmannMixer(max_ego=8)(*case)
    np.testing.assert_allclose(weight, oracle_weights(case, max_ego=8), atol=1e-9)
    vote = gated_vote(edge_index, masks, gates.double())
    unit = weight[-7:].sum() / vote[-7:].sum()
    torch.testing.assert_close(weight[:-7], unit * vote[:-7])
    assert len((weight[-7:] / vote[-7:]).round(decimals=6).unique()) > 1


def test_nodes_that_are_not_asked_for_vote():
    case = random_case(40, 400, 4, 2, seed=4)
    edge_index, _, masks, gates, _ = case
    whole = GrassmannMixer()(*case)
    asked = torch.tensor([7, 3, 20])
    part = GrassmannMixer()(*case, nodes=asked)
    inside = torch.isin(edge_index[1], asked)
    assert torch.equal(part[inside], whole[inside])
    vote = gated_vote(edge_index, masks, gates)
    assert torch.equal(part[~inside], vote[~inside])
    assert (part - vote)[inside].abs().max() > 0.1


def test_the_gated_vote_by_hand():
    edge_index = torch.tensor([[0, 1, 2], [1, 0, 1]])
    masks = torch.tensor([[1, 0, 1], [1, 1, 0], [0, 1, 1]]).bool()
    gates = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.0, 0.8], [1.0, 0.0, 0.0]])
    vote = gated_vote(edge_index, masks, gates)
    torch.testing.assert_close(vote, torch.tensor([1.0, 1.0, 0.8]))


def test_renamed_nodes_and_moved_edges_have_the_same_weights():
    case = random_case(30, 300, 4, 2, seed=5)
    edge_index, num_nodes, masks, gates, score = case
    weight = GrassmannMixer()(*case)
    name, place = torch.randperm(num_nodes), torch.randperm(300)
    moved_gates = torch.empty_like(gates)
    moved_gates[name] = gates
    again = GrassmannMixer()(
        name[edge_index][:, place], num_nodes, masks[place], moved_gates, score[place]
    )
    torch.testing.assert_close(again, weight[place], atol=1e-10, rtol=0)


def test_disjoint_graphs_do_not_see_each_other():
    one, two = (random_case(12, 60, 3, 2, seed) for seed in (6, 7))
    joined = (
        torch.cat([one[0], two[0] + 12], dim=1),
        24,
        *(torch.cat(pair) for pair in zip(one[2:], two[2:], strict=True)),
    )
    weight = GrassmannMixer()(*joined)
    apart = torch.cat([GrassmannMixer()(*one), GrassmannMixer()(*two)])
    torch.testing.assert_close(weight, apart, atol=1e-12, rtol=0)


def test_batches_change_nothing(monkeypatch):
    case = random_case(50, 600, 4, 2, seed=8)
    weight = GrassmannMixer()(*case)
    monkeypatch.setattr(egos, "BATCH_BYTES", 1)
    again = GrassmannMixer()(*case)
    torch.testing.assert_close(again, weight, atol=1e-12, rtol=0)


def test_weights_are_constants_of_the_type_of_the_gates():
    edge_index, num_nodes, masks, gates, score = random_case(20, 150, 3, 2, seed=9)
    gates = gates.float().requires_grad_()
    weight = GrassmannMixer()(edge_index, num_nodes, masks, gates, score)
    assert not weight.requires_grad
    assert weight.dtype == torch.float32
    assert weight.isfinite().all()


def test_a_graph_without_edges():
    edge_index = torch.empty(2, 0, dtype=torch.long)
    masks = torch.empty(0, 3, dtype=torch.bool)
    weight = GrassmannMixer()(edge_index, 4, masks, torch.ones(4, 3), torch.empty(0))
    assert weight.shape == (0,)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_weights():
    case = random_case(200, 3000, 4, 2, seed=10)
    edge_index, num_nodes, *rest = case
    there = GrassmannMixer()(edge_index.cuda(), num_nodes, *(t.cuda() for t in rest))
    assert there.is_cuda
    here = GrassmannMixer()(*case)
    torch.testing.assert_close(there.cpu(), here, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_eigs": 0}, "'num_eigs' must be >= 1"),
        ({"max_ego": 2}, r"'max_ego' must be >= 3, .* \(got 2\)"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(GraphLLMError, match=message):
        GrassmannMixer(**options)


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (2, lambda t: t[:-1], r"must be \(50, K\) and \(9, K\) \(got \(49, 3\)"),
        (3, lambda t: t[:, :2], r"\(got \(50, 3\) and \(9, 2\)\)"),
        (3, lambda t: t[:-1], r"\(got \(50, 3\) and \(8, 3\)\)"),
        (2, lambda t: t.float(), r"'masks' must be bool \(got torch.float32\)"),
        (4, lambda t: t[:, None], r"'score' must hold one number an edge, \(50,\)"),
    ],
)
def test_shapes_that_do_not_match_are_refused(which, change, message):
    case = list(random_case(9, 50, 3, 2, seed=11))
    case[which] = change(case[which])
    with pytest.raises(GraphLLMError, match=message):
        GrassmannMixer()(*case)


def test_an_edge_of_no_node_is_refused():
    case = list(random_case(9, 50, 3, 2, seed=12))
    case[0][0, 0] = 9
    with pytest.raises(TextGraphError, match=r"ids in \[0, 8\] \(got 9\)"):
        GrassmannMixer()(*case)

import pytest
import torch

from graphllm.errors import GraphLLMError, LeakageError, UnknownNameError
from graphllm.graph_tokens import NeighborhoodDetail, tree_encoding
from graphllm.graph_tokens import neighborhood_detail as module
from graphllm.kernels.sample import stream_key
from graphllm.kernels.tree import sample_trees
from graphllm.kernels.tree_twin import sample_trees_twin


@pytest.fixture
def x():
    return torch.randn(60, 5, generator=torch.Generator().manual_seed(1))


def test_features_beside_the_code(sbm, x):
    template = NeighborhoodDetail((3, 2), seed=4)
    assert template.num_tokens == 10
    assert template.num_features(5) == 15
    tokens = template.bind(x, sbm.edge_index)(torch.arange(60))
    assert tokens.x.shape == (60, 10, 15)
    assert tokens.nodes.dtype == torch.long
    assert torch.equal(tokens.mask, tokens.nodes >= 0)
    assert bool((~tokens.mask).any())
    code = tree_encoding([3, 2], "laplacian")
    for node in range(60):
        for position in range(10):
            at = int(tokens.nodes[node, position])
            row = tokens.x[node, position]
            assert torch.equal(row[5:], code[position])
            assert torch.equal(row[:5], x[at] if at >= 0 else torch.zeros(5))


def test_trees_are_those_of_the_kernel(sbm, x):
    bound = NeighborhoodDetail((3, 2), seed=4).bind(x, sbm.edge_index)
    nodes = torch.tensor([5, 9])
    expected = sample_trees(
        bound.indptr.numpy(),
        bound.indices.numpy(),
        nodes.numpy(),
        [3, 2],
        stream_key(4, 0),
    )
    assert bound(nodes).nodes.numpy().tolist() == expected.tolist()


def test_neighbours_are_the_sources_of_edges_and_stand_once():
    # 1 -> 0 twice, 2 -> 0, 0 -> 3
    edges = torch.tensor([[1, 1, 2, 0], [0, 0, 0, 3]])
    bound = NeighborhoodDetail((4,), pe=None).bind(torch.eye(4), edges)
    tokens = bound(torch.tensor([0, 3, 1]))
    assert tokens.nodes.tolist() == [
        [0, 1, 2, -1, -1],
        [3, 0, -1, -1, -1],
        [1, -1, -1, -1, -1],
    ]
    assert tokens.x.shape == (3, 5, 4)
    assert tokens.x[0].sum(dim=0).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("pe", ["laplacian", "legacy", "onehot"])
def test_codes(pe, sbm, x):
    template = NeighborhoodDetail((2, 2), pe=pe)
    tokens = template.bind(x, sbm.edge_index)(torch.tensor([3]))
    assert torch.equal(tokens.x[0, :, 5:], tree_encoding([2, 2], pe))
    assert torch.equal(template.tensors()["pe"], tree_encoding([2, 2], pe))


def test_a_table_of_ones_own(sbm, x):
    table = torch.arange(49.0).view(7, 7)
    template = NeighborhoodDetail((2, 2), pe="legacy", table=table)
    tokens = template.bind(x.double(), sbm.edge_index)(torch.tensor([3]))
    assert tokens.x.dtype == torch.float64
    assert torch.equal(tokens.x[0, :, 5:], table.double())
    with pytest.raises(GraphLLMError, match=r"shape \(7, 7\).*\(got \(7, 6\)\)"):
        NeighborhoodDetail((2, 2), table=table[:, :6])


def test_epochs_draw_anew_only_if_asked_to(sbm, x):
    nodes = torch.arange(60)

    def trees(epoch, **settings):
        bound = NeighborhoodDetail((2, 2), **settings).bind(x, sbm.edge_index)
        return bound(nodes, epoch=epoch).nodes

    assert torch.equal(trees(0), trees(3))
    anew = trees(0, resample=True), trees(1, resample=True)
    assert not torch.equal(*anew)
    assert torch.equal(anew[1], trees(1, resample=True))
    assert not torch.equal(trees(0), trees(0, seed=1))


@pytest.mark.parametrize("fan_outs", [(3, 3), (2, 2, 2)])
def test_pairs_do_not_see_their_own_edge(fan_outs, sbm, x):
    loops = torch.arange(60).expand(2, -1)
    edges = torch.cat([sbm.edge_index, loops], dim=1)
    bound = NeighborhoodDetail(fan_outs).bind(x, edges)
    left = bound(edges[0], exclude=edges[1])
    right = bound(edges[1], exclude=edges[0])
    for tokens, (root, other) in ((left, edges), (right, edges.flip(0))):
        above = tokens.nodes[:, bound.parents[1:]]
        below = tokens.nodes[:, 1:]
        root, other = root.view(-1, 1), other.view(-1, 1)
        assert not ((above == root) & (below == other)).any()
        assert not ((above == other) & (below == root)).any()
    # context is left: the ends are not alone
    assert left.mask.sum() > 3 * left.mask.size(0)


def test_the_guard_looks_at_the_trees(sbm, x, monkeypatch):
    """If exclusion ever broke, no tokens would come out."""
    bound = NeighborhoodDetail((3, 3)).bind(x, sbm.edge_index)
    left, right = sbm.edge_index
    bound(left, exclude=right)

    def forgetful(indptr, indices, roots, fan_outs, key, exclude):
        return sample_trees(indptr, indices, roots, fan_outs, key)

    monkeypatch.setattr(module, "sample_trees", forgetful)
    with pytest.raises(LeakageError, match="a tree walks along it"):
        bound(left, exclude=right)
    # strangers are not joined, so nothing of theirs can be seen
    strangers = bound(torch.tensor([0]), exclude=torch.tensor([0]))
    assert strangers.mask[0, 0]


def test_pairs_among_the_edges_are_refused(sbm, x):
    """Their own edge is not walked, but other scored ones would be."""
    half = sbm.edge_index.size(1) // 2
    asked, kept = sbm.edge_index[:, :half], sbm.edge_index[:, half:]
    reverse = (kept.t().unsqueeze(1) == asked.flip(0).t()).all(-1).any(-1)
    bound = NeighborhoodDetail((4, 4)).bind(x, kept[:, ~reverse])
    bound.pairs(asked.t())
    bound = NeighborhoodDetail((4, 4)).bind(x, sbm.edge_index)
    with pytest.raises(LeakageError, match="among the edges that trees are drawn"):
        bound.pairs(asked.t())
    one_way = NeighborhoodDetail((4, 4)).bind(x, asked)
    with pytest.raises(LeakageError, match="is to be predicted"):
        one_way.pairs(asked.flip(0).t())


def test_other_devices_take_the_twin(sbm, x, monkeypatch):
    """Stands in for a GPU: the twin is asked wherever the edges are not on a CPU."""
    bound = NeighborhoodDetail((3, 2), seed=2).bind(x, sbm.edge_index)
    nodes, other = torch.tensor([5, 9]), torch.tensor([9, -1])
    expected = bound(nodes, exclude=other)

    class Elsewhere:
        is_cpu = False
        indices = bound.indices

    def twin(indptr, indices, *rest):
        return sample_trees_twin(indptr, indices.indices, *rest)

    monkeypatch.setattr(module, "sample_trees_twin", twin)
    bound.indices = Elsewhere()
    for ours, theirs in zip(bound(nodes, exclude=other), expected, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu(sbm, x):
    template = NeighborhoodDetail((3, 2), seed=2)
    here = template.bind(x, sbm.edge_index).pairs(sbm.edge_index.t())
    there = template.bind(x.cuda(), sbm.edge_index.cuda()).pairs(sbm.edge_index.t())
    for ours, theirs in zip(here, there, strict=True):
        assert theirs.x.is_cuda
        assert torch.equal(ours.nodes, theirs.nodes.cpu())
        assert torch.equal(ours.x, theirs.x.cpu())


@pytest.mark.parametrize("fan_outs", [(), (3, 0), (-1,), ("3",), (2.5,)])
def test_fan_outs_that_are_none(fan_outs):
    with pytest.raises(GraphLLMError, match=r"like \(10, 10\) \(got"):
        NeighborhoodDetail(fan_outs)


def test_unknown_code():
    with pytest.raises(UnknownNameError, match="position code 'laplacian2'"):
        NeighborhoodDetail(pe="laplacian2")


def test_defaults_are_the_papers():
    template = NeighborhoodDetail()
    assert template.num_tokens == 111
    # SimTeG features: 2432 numbers a node
    assert template.num_features(2432) == 2543
    assert NeighborhoodDetail(pe=None).num_features(2432) == 2432
    assert NeighborhoodDetail(pe=None).tensors() == {}

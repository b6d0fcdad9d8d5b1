import pytest
import torch
import torch_geometric.typing
from torch_geometric.loader import NeighborLoader as PyGNeighborLoader

from graphllm.errors import MissingExtraError
from graphllm.loader import NeighborLoader, NeighborSampler
from graphllm.loader.pyg_sampler import PyGSampler

COMPILED = (
    torch_geometric.typing.WITH_PYG_LIB or torch_geometric.typing.WITH_TORCH_SPARSE
)
compiled = pytest.mark.skipif(not COMPILED, reason="needs torch-sparse or pyg-lib")
quiet = pytest.mark.filterwarnings("ignore:.*without a 'pyg-lib' installation")


def test_one_line_where_nothing_is_installed(enhanced, monkeypatch):
    monkeypatch.setattr(torch_geometric.typing, "WITH_PYG_LIB", False)
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SPARSE", False)
    with pytest.raises(MissingExtraError, match=r"pip install \"graphllm\[sparse\]\""):
        NeighborLoader(enhanced, [2], backend="pyg")


def test_weights_need_pyg_lib(enhanced, monkeypatch):
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SPARSE", True)
    monkeypatch.setattr(torch_geometric.typing, "WITH_WEIGHTED_NEIGHBOR_SAMPLE", False)
    with pytest.raises(MissingExtraError, match="'edge_weight' with backend='pyg'"):
        NeighborLoader(enhanced, [2], weight_attr="edge_weight", backend="pyg")


@compiled
@quiet
def test_all_neighbours_are_the_same_with_both(enhanced):
    for hops in (1, 2, 3):
        for seeds in (torch.tensor([5, 40]), torch.tensor([9])):
            ours = NeighborSampler(enhanced, [-1] * hops).sample(seeds)
            theirs = PyGSampler(enhanced, [-1] * hops).sample(seeds)
            # the order within a hop is each one's own
            assert theirs.edge.sort().values.equal(ours.edge.sort().values)
            ends = torch.stack([theirs.node[theirs.row], theirs.node[theirs.col]])
            assert ends.equal(enhanced.edge_index[:, theirs.edge])
            hops_of = [
                [part.sort().values.tolist() for part in out.node.split(sizes)]
                for out, sizes in (
                    (ours, ours.num_sampled_nodes),
                    (theirs, theirs.num_sampled_nodes),
                )
            ]
            assert hops_of[0] == hops_of[1]
            assert ours.num_sampled_nodes == theirs.num_sampled_nodes
            assert ours.num_sampled_edges == theirs.num_sampled_edges


@compiled
@quiet
def test_batches_have_the_same_form(enhanced):
    def batches(backend):
        return list(NeighborLoader(enhanced, [3, 2], batch_size=25, backend=backend))

    for ours, theirs in zip(batches("numba"), batches("pyg"), strict=True):
        assert sorted(ours.keys()) == sorted(theirs.keys())
        assert ours.input_id.equal(theirs.input_id)
        assert theirs.n_id[theirs.edge_index].equal(enhanced.edge_index[:, theirs.e_id])
        assert theirs.x.equal(enhanced.x[theirs.n_id])
        assert theirs.llm_mask.equal(enhanced.llm_mask[theirs.n_id])
        # at the first hop both draw min(degree, 3) edges a seed
        assert ours.num_sampled_edges[0] == theirs.num_sampled_edges[0]
        assert sum(theirs.num_sampled_nodes) == theirs.num_nodes


@compiled
@quiet
def test_the_loader_of_pyg_gives_what_ours_gives(enhanced):
    lean = enhanced.clone()
    for name in ("text", "full_text", "provenance"):
        del lean[name]  # PyG's loader cannot slice lists
    theirs = next(iter(PyGNeighborLoader(lean, [-1, -1], batch_size=7)))
    ours = next(iter(NeighborLoader(enhanced, [-1, -1], batch_size=7)))
    assert ours.batch_size == theirs.batch_size
    for ids, names in (("n_id", ("x", "y", "train_mask")), ("e_id", ("edge_weight",))):
        here, there = ours[ids].argsort(), theirs[ids].argsort()
        assert ours[ids][here].equal(theirs[ids][there])
        for name in names:
            assert ours[name][here].equal(theirs[name][there])
    here, there = ours.e_id.argsort(), theirs.e_id.argsort()
    assert ours.n_id[ours.edge_index[:, here]].equal(
        theirs.n_id[theirs.edge_index[:, there]]
    )


@compiled
@quiet
@pytest.mark.enable_socket  # workers hand tensors over through a unix socket
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_seeds_repeat_the_draws(enhanced):
    def epochs(seed, num_workers=0):
        loader = NeighborLoader(
            enhanced,
            [2],
            batch_size=20,
            seed=seed,
            backend="pyg",
            num_workers=num_workers,
        )
        return [[batch.e_id.tolist() for batch in loader] for _ in range(2)]

    before = torch.random.get_rng_state()
    first, second = epochs(0)
    assert torch.random.get_rng_state().equal(before)
    assert epochs(0) == [first, second]
    assert epochs(1)[0] != first != second
    assert epochs(0, num_workers=2) == [first, second]

import pytest
import torch
from torch.utils.data import SubsetRandomSampler

from graphllm import ELLaGNN
from graphllm.errors import UnknownNameError
from graphllm.loader import NeighborLoader


def ids(loader):
    return [(batch.n_id.tolist(), batch.e_id.tolist()) for batch in loader]


def test_every_seed_comes_once_and_first(enhanced):
    loader = NeighborLoader(enhanced, [3, 2], enhanced.train_mask, 7, shuffle=True)
    assert len(loader) == 3
    seen = []
    for batch in loader:
        seeds = batch.n_id[: batch.batch_size]
        assert batch.input_id.equal(seeds)
        assert batch.train_mask[: batch.batch_size].all()
        assert len(set(batch.n_id.tolist())) == batch.n_id.numel()
        assert batch.n_id[batch.edge_index].equal(enhanced.edge_index[:, batch.e_id])
        assert batch.num_sampled_nodes[0] == batch.batch_size
        seen += seeds.tolist()
    assert sorted(seen) == enhanced.train_mask.nonzero().view(-1).tolist()
    assert seen != sorted(seen)


def test_ids_as_input_count_positions(enhanced):
    loader = NeighborLoader(enhanced, [2], [40, 7, 7], batch_size=3)
    (batch,) = loader
    assert batch.n_id[:3].tolist() == [40, 7, 7]
    assert batch.input_id.tolist() == [0, 1, 2]
    assert len(NeighborLoader(enhanced, [2])) == 60
    assert ids(NeighborLoader(enhanced, [2], [])) == []


def test_epochs_differ_and_the_seed_repeats_them(enhanced):
    def epochs(seed):
        loader = NeighborLoader(enhanced, [2], batch_size=16, shuffle=True, seed=seed)
        return [ids(loader), ids(loader)]

    before = torch.random.get_rng_state()
    first, second = epochs(3)
    assert first != second
    assert epochs(3) == [first, second]
    assert epochs(4)[0] != first
    assert torch.random.get_rng_state().equal(before)


def test_neighbours_change_between_epochs_without_shuffling(enhanced):
    loader = NeighborLoader(enhanced, [1], batch_size=60)
    assert ids(loader) != ids(loader)


@pytest.mark.enable_socket  # workers hand tensors over through a unix socket
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("persistent", [False, True])
def test_workers_change_nothing(persistent, enhanced):
    def epochs(num_workers):
        options = {"num_workers": num_workers}
        if num_workers:
            options["persistent_workers"] = persistent
        loader = NeighborLoader(
            enhanced,
            [2, 2],
            enhanced.train_mask,
            5,
            shuffle=True,
            weight_attr="edge_weight",
            seed=2,
            **options,
        )
        return [ids(loader) for _ in range(2)]

    assert epochs(0) == epochs(2)


def test_batch_size_does_not_change_the_neighbours(enhanced):
    """Draws belong to nodes: the same edges in one batch or in many."""

    def edges(batch_size):
        loader = NeighborLoader(enhanced, [2], batch_size=batch_size)
        return sorted(e for _, batch in ids(loader) for e in batch)

    assert edges(60) == edges(7)


def test_two_passes_side_by_side(enhanced):
    loader = NeighborLoader(enhanced, [1], batch_size=20)
    apart = [ids(loader), ids(loader)]
    again = NeighborLoader(enhanced, [1], batch_size=20)
    pairs = list(zip(again, again, strict=True))
    assert [ids(side) for side in zip(*pairs, strict=True)] == apart


def test_a_sampler_of_positions_and_a_transform(enhanced):
    order = SubsetRandomSampler([2, 4], generator=torch.Generator().manual_seed(0))
    loader = NeighborLoader(
        enhanced,
        [1],
        torch.arange(10, 20),
        2,
        sampler=order,
        transform=lambda batch: batch.n_id[:2].sort().values.tolist(),
    )
    assert len(loader) == 1
    assert list(loader) == [[12, 14]]


@pytest.mark.parametrize("name", ["sage", "gat", "gin"])
def test_full_fan_out_equals_the_full_batch_on_the_seeds(name, enhanced):
    torch.manual_seed(0)
    model = ELLaGNN(name, 4, 8, 3, 2, fusion="mix", norm="batch_norm").eval()
    rows = {"x_llm": enhanced.x_llm, "llm_mask": enhanced.llm_mask}
    with torch.no_grad():
        whole = model(enhanced.x, enhanced.edge_index, **rows)
        for batch in NeighborLoader(enhanced, [-1, -1], batch_size=13):
            out = model(
                batch.x, batch.edge_index, x_llm=batch.x_llm, llm_mask=batch.llm_mask
            )
            seeds = batch.n_id[: batch.batch_size]
            torch.testing.assert_close(
                out[: batch.batch_size], whole[seeds], atol=1e-5, rtol=1e-5
            )


def test_gcn_sees_the_degrees_of_the_batch_unless_given_a_hop_more(enhanced):
    """With one hop more than layers, every degree that counts is whole."""
    torch.manual_seed(0)
    model = ELLaGNN("gcn", 4, 8, 3, 2).eval()
    with torch.no_grad():
        whole = model(enhanced.x, enhanced.edge_index)
        for hops, equal in ((3, True), (2, False)):
            loader = NeighborLoader(enhanced, [-1] * hops, [0, 17, 31], batch_size=3)
            (batch,) = loader
            out = model(batch.x, batch.edge_index)[:3]
            assert torch.allclose(out, whole[[0, 17, 31]], atol=1e-5) is equal


def test_isolated_nodes(tiny):
    tiny.num_nodes = 8
    tiny.x = torch.randn(8, 2)
    for key in ("y", "text", "train_mask", "val_mask", "test_mask"):
        del tiny[key]
    (batch,) = NeighborLoader(tiny, [3, 3], [7, 0, 6], batch_size=3)
    assert batch.n_id[:3].tolist() == [7, 0, 6]
    assert set(batch.edge_index[1].tolist()) & {0, 2} == set()
    (alone,) = NeighborLoader(tiny, [3, 3], [7], batch_size=1)
    assert alone.edge_index.shape == (2, 0)
    assert alone.num_sampled_nodes == [1, 0, 0]


def test_wrong_arguments(enhanced):
    with pytest.raises(UnknownNameError, match="Choose one of: numba, pyg"):
        NeighborLoader(enhanced, [1], backend="numbe")
    with pytest.raises(ValueError, match=r"'batch_size' must be at least 1 \(got 0\)"):
        NeighborLoader(enhanced, [1], batch_size=0)
    with pytest.raises(ValueError, match="'num_neighbors' must list"):
        NeighborLoader(enhanced, 5)
    with pytest.raises(ValueError, match="holds node 60"):
        NeighborLoader(enhanced, [1], [60])
    with pytest.raises(ValueError, match="'shuffle' and 'sampler'"):
        NeighborLoader(enhanced, [1], shuffle=True, sampler=range(3))
    with pytest.raises(UnknownNameError, match="unknown edge weight 'weight'"):
        NeighborLoader(enhanced, [1], weight_attr="weight")


def test_gathering_outside_the_workers_gives_the_same(enhanced):
    """The way of graphs on a GPU, which worker processes must not touch."""
    early = NeighborLoader(enhanced, [2, 2], batch_size=25)
    late = NeighborLoader(enhanced, [2, 2], batch_size=25)
    late._gather_here = True
    for one, other in zip(early, late, strict=True):
        assert one.x_llm.equal(other.x_llm)
        assert one.e_id.equal(other.e_id)
        assert one.input_id.equal(other.input_id)
        assert one.batch_size == other.batch_size

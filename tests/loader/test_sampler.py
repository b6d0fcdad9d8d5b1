import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch_geometric.data import Data
from torch_geometric.loader import LinkLoader, NodeLoader
from torch_geometric.sampler import EdgeSamplerInput, NegativeSampling
from torch_geometric.utils import k_hop_subgraph

from graphllm.errors import TextGraphError
from graphllm.loader import NeighborSampler


def bare(sbm, **values):
    return Data(edge_index=sbm.edge_index, num_nodes=60, **values)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_all_neighbours_give_the_k_hop_subgraph(hops, sbm):
    seeds = torch.tensor([4, 11])
    out = NeighborSampler(sbm, [-1] * hops).sample(seeds)
    nodes, _, _, edge_mask = k_hop_subgraph(seeds, hops, sbm.edge_index, num_nodes=60)
    assert out.node.sort().values.equal(nodes)
    # k_hop_subgraph is induced: the edges among the last hop are only there
    inner = k_hop_subgraph(seeds, hops - 1, sbm.edge_index, num_nodes=60)[0]
    target = sbm.edge_index[1]
    expected = (edge_mask & torch.isin(target, inner)).nonzero().view(-1)
    assert out.edge.sort().values.equal(expected)


def test_edges_lead_back_to_the_graph(sbm):
    out = NeighborSampler(sbm, [3, 2], seed=4).sample(torch.tensor([9, 2, 9]))
    assert out.node[:3].tolist() == [9, 2, 9]
    ends = torch.stack([out.node[out.row], out.node[out.col]])
    assert ends.equal(sbm.edge_index[:, out.edge])
    assert sum(out.num_sampled_nodes) == out.node.numel()
    assert sum(out.num_sampled_edges) == out.row.numel()


def test_neighbours_point_at_the_node_that_drew_them():
    data = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    out = NeighborSampler(data, [5]).sample(torch.tensor([1]))
    assert out.node.tolist() == [1, 0]
    assert (out.row.tolist(), out.col.tolist()) == ([1], [0])


def test_subgraphs_of_a_batch_share_their_nodes(tiny):
    out = NeighborSampler(tiny, [-1]).sample(torch.tensor([0, 1]))
    assert sorted(out.node.tolist()) == [0, 1, 2]
    assert out.batch is None


def test_weights_reach_the_draw():
    """Edges are given in another order than they are stored in."""
    edge_index = torch.tensor([[4, 2, 1, 3], [0, 0, 0, 0]])
    weight = torch.tensor([4.0, 2.0, 1.0, 3.0])
    data = Data(edge_index=edge_index, num_nodes=5, edge_weight=weight)
    sampler = NeighborSampler(data, [1], weight_attr="edge_weight")
    hits = np.zeros(4)
    for epoch in range(3000):
        hits[sampler.sample(torch.tensor([0]), epoch).edge] += 1
    assert chisquare(hits, 3000 * weight.numpy() / 10).pvalue > 1e-4


def test_the_seed_and_the_epoch_decide(sbm):
    seeds = torch.arange(20)

    def edges(seed, epoch):
        return NeighborSampler(sbm, [2], seed=seed).sample(seeds, epoch).edge.tolist()

    assert edges(0, 0) == edges(0, 0)
    assert len({tuple(edges(s, e)) for s in (0, 1) for e in (0, 1)}) == 4
    sampler = NeighborSampler(sbm, [2])
    sampler.epoch = 3
    assert sampler.sample(seeds).edge.tolist() == edges(0, 3)


def test_in_the_node_loader_of_pyg(sbm):
    data = bare(sbm, x=torch.randn(60, 3))
    sampler = NeighborSampler(data, [3, 3])
    loader = NodeLoader(data, sampler, torch.tensor([5, 1, 30]), batch_size=2)
    first, second = loader
    assert first.n_id[:2].tolist() == [5, 1]
    assert first.input_id.tolist() == [0, 1]
    assert second.batch_size == 1
    assert first.x.equal(data.x[first.n_id])
    assert first.n_id[first.edge_index].equal(data.edge_index[:, first.e_id])


@pytest.mark.parametrize("mode", ["binary", "triplet"])
def test_in_the_link_loader_of_pyg(mode, sbm):
    data = bare(sbm, x=torch.randn(60, 3))

    def run(epoch=0):
        sampler = NeighborSampler(data, [3, 2], seed=1)
        sampler.epoch = epoch
        links = data.edge_index[:, :20]
        loader = LinkLoader(
            data, sampler, links, neg_sampling=NegativeSampling(mode, 2), batch_size=8
        )
        return list(loader)

    batches = run()
    assert len(batches) == 3
    batch = batches[0]
    assert batch.n_id[batch.edge_index].equal(data.edge_index[:, batch.e_id])
    if mode == "binary":
        assert batch.edge_label.tolist() == [1.0] * 8 + [0.0] * 16
        ends = batch.n_id[batch.edge_label_index]
        assert ends[:, :8].equal(data.edge_index[:, :8])
    else:
        assert batch.n_id[batch.src_index].equal(data.edge_index[0, :8])
        assert batch.n_id[batch.dst_pos_index].equal(data.edge_index[1, :8])
        assert batch.dst_neg_index.shape == (8, 2)
    again = run()
    assert all(a.n_id.equal(b.n_id) for a, b in zip(batches, again, strict=True))
    assert not all(a.n_id.equal(b.n_id) for a, b in zip(batches, run(1), strict=True))


def test_negatives_leave_the_generator_as_it_was(sbm):
    ends = EdgeSamplerInput(None, torch.tensor([0, 1]), torch.tensor([2, 3]))
    before = torch.random.get_rng_state()
    sampler = NeighborSampler(sbm, [1])
    outs = [sampler.sample_from_edges(ends, NegativeSampling("binary")) for _ in "ab"]
    assert torch.random.get_rng_state().equal(before)
    assert outs[0].node.equal(outs[1].node)


def test_links_without_negatives(sbm):
    data = bare(sbm)
    loader = LinkLoader(data, NeighborSampler(data, [2]), batch_size=4)
    batch = next(iter(loader))
    ends = batch.n_id[batch.edge_label_index]
    assert ends.equal(data.edge_index[:, :4])


def test_unusable_graphs_are_refused(sbm):
    with pytest.raises(TextGraphError, match="points to node 99"):
        NeighborSampler(Data(edge_index=torch.tensor([[99], [0]]), num_nodes=3), [1])
    data = bare(sbm, edge_weight=-torch.ones(sbm.num_edges))
    with pytest.raises(TextGraphError, match=r"is -1.0 at edge 0"):
        NeighborSampler(data, [1], weight_attr="edge_weight")

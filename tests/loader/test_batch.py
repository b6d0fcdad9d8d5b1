import numpy as np
import torch
from torch_geometric.data import Data

from graphllm.loader import NeighborSampler, make_batch
from graphllm.loader.batch import take_rows
from graphllm.models import fuse


def sampled(data, seeds=(10, 3, 24), hops=(3, 3)):
    return NeighborSampler(data, hops).sample(torch.tensor(seeds))


def test_nodes_and_edges_are_sliced(enhanced):
    out = sampled(enhanced)
    batch = make_batch(enhanced, out)
    for name in ("x", "y", "train_mask", "val_mask", "test_mask"):
        assert batch[name].equal(enhanced[name][out.node]), name
    assert batch.edge_weight.equal(enhanced.edge_weight[out.edge])
    assert batch.edge_index.equal(torch.stack([out.row, out.col]))
    assert batch.num_nodes == out.node.numel()
    batch.validate()


def test_enhanced_rows_are_those_of_the_batch(enhanced):
    out = sampled(enhanced)
    batch = make_batch(enhanced, out)
    assert batch.llm_mask.equal(enhanced.llm_mask[out.node])
    assert 0 < batch.llm_index.numel() < enhanced.llm_index.numel()
    assert batch.llm_index.equal(batch.llm_mask.nonzero().view(-1))
    dense = torch.full((60, 4), torch.nan)
    dense[enhanced.llm_index] = enhanced.x_llm
    assert batch.x_llm.equal(dense[out.node[batch.llm_mask]])
    whole = fuse(enhanced.x, enhanced.x_llm, enhanced.llm_mask, "mix")
    part = fuse(batch.x, batch.x_llm, batch.llm_mask, "mix")
    assert part.equal(whole[out.node])


def test_rows_of_several_views_come_along(enhanced):
    rows = enhanced.llm_index.numel()
    enhanced.x_views = torch.randn(rows, 3, 4)
    enhanced.view_mask = torch.rand(rows, 3) < 0.5
    out = sampled(enhanced)
    batch = make_batch(enhanced, out)
    place = [enhanced.llm_index.tolist().index(i) for i in out.node[batch.llm_mask]]
    assert batch.x_views.equal(enhanced.x_views[place])
    assert batch.view_mask.equal(enhanced.view_mask[place])


def test_all_or_none_enhanced(enhanced):
    out = sampled(enhanced)
    enhanced.llm_index = torch.empty(0, dtype=torch.long)
    enhanced.llm_mask = torch.zeros(60, dtype=torch.bool)
    enhanced.x_llm = torch.empty(0, 4)
    batch = make_batch(enhanced, out)
    assert batch.x_llm.shape == (0, 4)
    assert not batch.llm_mask.any()
    # as many rows as nodes: still rows of the enhanced nodes
    enhanced.llm_index = torch.arange(60)
    enhanced.llm_mask = torch.ones(60, dtype=torch.bool)
    enhanced.x_llm = torch.randn(60, 4)
    enhanced.x_answer = enhanced.x_llm
    batch = make_batch(enhanced, out)
    assert batch.x_llm.equal(enhanced.x_llm[out.node])
    assert batch.llm_mask.all()


def test_lists_stay_with_the_graph(enhanced):
    enhanced.edge_names = ["e"] * enhanced.num_edges
    batch = make_batch(enhanced, sampled(enhanced))
    for name in ("text", "full_text", "label_names", "provenance", "edge_names"):
        assert name not in batch
    assert [enhanced.text[i] for i in batch.n_id[:2]] == [
        enhanced.text[10],
        enhanced.text[3],
    ]


def test_what_belongs_to_the_graph_is_passed_on(enhanced):
    enhanced.name, enhanced.centers = "sbm", torch.randn(3, 4)
    batch = make_batch(enhanced, sampled(enhanced))
    assert batch.name == "sbm"
    assert batch.centers is enhanced.centers


def test_features_on_disk_in_half_precision(enhanced, tmp_path):
    path = tmp_path / "x.bin"
    wide = enhanced.x.half()
    stored = np.memmap(path, np.float16, "w+", shape=(60, 4))
    stored[:] = wide.numpy()
    stored.flush()
    enhanced.x = np.memmap(path, np.float16, "r", shape=(60, 4))
    enhanced.x_llm = enhanced.x_llm.half().numpy()
    out = sampled(enhanced)
    batch = make_batch(enhanced, out)
    assert batch.x.dtype == torch.float32
    assert batch.x.equal(wide[out.node].float())
    assert fuse(batch.x, batch.x_llm, batch.llm_mask, "replace").isfinite().all()


def test_rows_along_another_dimension():
    value = torch.arange(6).view(2, 3)
    index = torch.tensor([2, 0])
    assert take_rows(value, index, dim=1).tolist() == [[2, 0], [5, 3]]
    assert take_rows(value.numpy(), index, dim=1).tolist() == [[2, 0], [5, 3]]


def test_as_many_edges_as_nodes():
    """The name tells them apart, as in PyG."""
    data = Data(
        x=torch.arange(3.0).view(3, 1),
        edge_index=torch.tensor([[2, 1, 0], [1, 0, 1]]),
        edge_weight=torch.tensor([20.0, 10.0, 0.0]),
    )
    batch = make_batch(data, sampled(data, [1], [-1]))
    assert batch.x.view(-1).tolist() == [1.0, 0.0, 2.0]
    assert batch.edge_weight.tolist() == [0.0, 20.0]

from copy import deepcopy
from itertools import islice
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from torch_geometric.nn import GAT, GCN

from graphllm.errors import TextGraphError
from graphllm.loader import (
    ClusterParts,
    FullGraph,
    LayerSampled,
    NeighborSampled,
    RandomParts,
    SaintEdge,
    SaintNode,
    SaintWalk,
)
from graphllm.seed import generator

EXHAUSTIVE = [
    FullGraph(),
    NeighborSampled((3, 2), 5),
    LayerSampled("ladies", (6, 5), 7),
    LayerSampled("fastgcn", (6, 5), 7),
    ClusterParts(6, 2),
    RandomParts(6, 2),
]
SAMPLED = [
    SaintNode(20, 4),
    SaintEdge(12, 4),
    SaintWalk(6, 2, 4),
    SaintWalk(6, 2, 4, coverage=0),
]
SCHEMES = EXHAUSTIVE + SAMPLED


def names(schemes):
    return [f"{type(s).__name__}{place}" for place, s in enumerate(schemes)]


every = pytest.mark.parametrize("scheme", SCHEMES, ids=names(SCHEMES))


def signature(batch):
    weights = [batch[k].tolist() for k in ("edge_weight", "loss_weight") if k in batch]
    ids = batch.n_id.tolist()
    return ids, batch.edge_index.tolist(), batch.train_mask.tolist(), weights


@every
def test_batches_are_parts_of_the_graph(scheme, graph):
    batches = list(scheme.bind(graph).epoch(generator(0)))
    assert batches
    ends = graph.edge_index
    for batch in batches:
        assert batch.x.equal(graph.x[batch.n_id])
        assert batch.y.equal(graph.y[batch.n_id])
        if "e_id" in batch:
            assert batch.n_id[batch.edge_index].equal(ends[:, batch.e_id])
        assert batch.train_mask.any()
        assert graph.train_mask[batch.n_id[batch.train_mask]].all()
        assert batch.edge_weight.shape == (batch.edge_index.size(1),)
        assert batch.edge_weight.isfinite().all()
        assert (batch.edge_weight > 0).all()


@every
def test_networks_run_on_batches(scheme, graph, training_loss):
    gcn, gat = GCN(4, 8, 2, 3), GAT(4, 8, 2, 3)
    for batch in scheme.bind(graph).epoch(generator(0)):
        out = gcn(batch.x, batch.edge_index, batch.edge_weight)
        out = out + gat(batch.x, batch.edge_index)
        loss = torch.nn.functional.cross_entropy(out, batch.y, reduction="none")
        assert training_loss(loss, batch).isfinite()


@every
def test_the_generator_alone_decides(scheme, graph):
    bound = scheme.bind(graph)
    before = torch.random.get_rng_state()
    first, again = generator(3), generator(3)
    epochs = [[signature(b) for b in bound.epoch(first)] for _ in range(3)]
    fresh = scheme.bind(graph)
    assert [[signature(b) for b in fresh.epoch(again)] for _ in range(3)] == epochs
    assert torch.random.get_rng_state().equal(before)
    if not isinstance(scheme, FullGraph):
        assert epochs[0] != epochs[1] != epochs[2]
        assert [signature(b) for b in bound.epoch(generator(4))] != epochs[0]


@every
def test_epochs_side_by_side_or_half_way_change_nothing(scheme, graph):
    bound = scheme.bind(graph)
    apart = generator(1)
    expected = [[signature(b) for b in bound.epoch(apart)] for _ in range(2)]
    shared = generator(1)
    one, other = bound.epoch(shared), bound.epoch(shared)
    next(one)
    assert [signature(b) for b in other] == expected[1]
    assert [signature(b) for b in one] == expected[0][1:]
    partly = generator(1)
    assert len(list(islice(bound.epoch(partly), 1))) == 1
    assert [signature(b) for b in bound.epoch(partly)] == expected[1]


@pytest.mark.parametrize("scheme", EXHAUSTIVE, ids=names(EXHAUSTIVE))
def test_every_training_node_counts_once_an_epoch(scheme, graph):
    random = generator(2)
    bound = scheme.bind(graph)
    for _ in range(3):
        counted = [b.n_id[b.train_mask].tolist() for b in bound.epoch(random)]
        expected = graph.train_mask.nonzero().view(-1).tolist()
        assert sorted(node for batch in counted for node in batch) == expected


@every
def test_options_travel_without_the_graph(scheme, graph):
    scheme.bind(graph)
    packed = bytes(ForkingPickler.dumps(scheme))
    assert len(packed) < 300
    assert ForkingPickler.loads(packed) == scheme
    with pytest.raises(AttributeError):
        scheme.batch_size = 3


@every
def test_what_is_bound_can_be_copied(scheme, graph):
    bound = scheme.bind(graph)
    expected = [signature(b) for b in bound.epoch(generator(0))]
    assert [signature(b) for b in deepcopy(bound).epoch(generator(0))] == expected


@every
def test_a_graph_without_edges(scheme, graph):
    graph.edge_index = graph.edge_index[:, :0]
    del graph.edge_weight
    if isinstance(scheme, SaintEdge):
        with pytest.raises(TextGraphError, match="no edge leads from or to a node of"):
            scheme.bind(graph)
        return
    for batch in scheme.bind(graph).epoch(generator(0)):
        assert batch.edge_index.shape == (2, 0)


@every
def test_unusable_graphs_are_refused(scheme, graph):
    mask = graph.train_mask
    graph.train_mask = torch.zeros_like(mask)
    with pytest.raises(TextGraphError, match=r"'data\.train_mask' has no node"):
        scheme.bind(graph)
    graph.train_mask = mask[:-1]
    with pytest.raises(TextGraphError, match=r"must have shape \(60,\).*\(got \(59,\)"):
        scheme.bind(graph)
    graph.train_mask = mask.nonzero().view(-1)
    with pytest.raises(TextGraphError, match=r"needs 'data\.train_mask'"):
        scheme.bind(graph)
    graph.train_mask = mask
    graph.edge_index = graph.edge_index + 2
    with pytest.raises(TextGraphError, match="an edge points to node 60"):
        scheme.bind(graph)


def test_the_full_graph_is_one_object(graph):
    bound = FullGraph().bind(graph)
    (first,), (second,) = bound.epoch(generator(0)), bound.epoch(generator(1))
    assert first is second
    assert first.edge_index is graph.edge_index
    assert "n_id" not in graph


def test_rows_of_enhanced_nodes_come_along(enhanced):
    for scheme in (RandomParts(3, 1), LayerSampled("ladies", (9, 9), 9)):
        for batch in scheme.bind(enhanced).epoch(generator(0)):
            assert batch.n_id[batch.llm_mask].equal(batch.n_id[batch.llm_index])
            rows = torch.searchsorted(enhanced.llm_index, batch.n_id[batch.llm_index])
            assert batch.x_llm.equal(enhanced.x_llm[rows])

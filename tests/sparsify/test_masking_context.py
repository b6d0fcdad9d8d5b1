"""A network before, inside and after the context, and what is refused there."""

from contextlib import suppress

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch_geometric import EdgeIndex

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.models import ELLaGNN, make_backbone
from graphllm.sparsify import mask_messages, masked_forward

CHANNELS = 6


def network(name):
    torch.manual_seed(0)
    if name == "ellagnn":
        return ELLaGNN("gcnii", CHANNELS, 8, 5, 2).eval()
    if name == "gatv2":
        return pyg.GAT(CHANNELS, 8, 2, v2=True).eval()
    if name == "lightgcn":
        return pyg.LGConv()
    if name == "PyG's gcn":
        return pyg.GCN(CHANNELS, 8, 2).eval()
    return make_backbone(name, CHANNELS, 8, 5, 3).eval()


def state_of(gnn):
    hooks = [len(part._forward_pre_hooks) for part in gnn.modules()]
    own = [sorted(set(vars(part)) - {"training"}) for part in gnn.modules()]
    return list(gnn.modules()), list(gnn.state_dict()), hooks, own


@pytest.mark.parametrize("name", ["gcn", "sage", "gat", "gatv2", "pna", "ellagnn"])
def test_the_network_is_put_back(name, pruning):
    x, edge_index, mask = pruning()
    gnn = network(name)
    before, expected = state_of(gnn), gnn(x, edge_index)
    with mask_messages(gnn, edge_index, x.size(0), mask):
        assert not torch.allclose(gnn(x, edge_index), expected)
        assert state_of(gnn) != before
    assert state_of(gnn) == before
    with suppress(ZeroDivisionError), mask_messages(gnn, edge_index, x.size(0), mask):
        gnn(x, edge_index)
        raise ZeroDivisionError
    assert state_of(gnn) == before
    torch.testing.assert_close(gnn(x, edge_index), expected)


def test_nothing_is_changed_when_one_layer_is_refused(pruning):
    gnn = nn.ModuleList([pyg.SAGEConv(4, 4), pyg.TransformerConv(4, 4)])
    before = state_of(gnn)
    x, edge_index, mask = pruning()
    with pytest.raises(GraphLLMError, match="TransformerConv"):
        masked_forward(gnn, x, edge_index, mask)
    assert state_of(gnn) == before


def test_a_network_may_be_called_often_and_with_the_first_edges(pruning):
    x, edge_index, mask = pruning()
    keep = mask > 0.5
    first = 40
    for name in ("gcn", "PyG's gcn", "sage", "gat", "lightgcn"):
        gnn = network(name)
        with mask_messages(gnn, edge_index, x.size(0), mask):
            whole = gnn(x, edge_index.clone())
            part = gnn(x, edge_index[:, :first])
        torch.testing.assert_close(whole, gnn(x, edge_index[:, keep]))
        expected = gnn(x, edge_index[:, :first][:, keep[:first]])
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("kind", [pyg.GCN, pyg.GraphSAGE, pyg.GAT])
def test_hops_that_are_trimmed(kind):
    # Edges into node 0, then edges into nodes 1 and 2, as a loader stores them.
    edge_index = torch.tensor([[1, 2, 3, 4, 5, 3], [0, 0, 1, 1, 2, 2]])
    mask = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 1.0])
    x = torch.randn(6, CHANNELS)
    gnn = kind(CHANNELS, 4, 2)
    nodes = {"num_sampled_nodes_per_hop": [1, 2, 3]}
    out = masked_forward(
        gnn, x, edge_index, mask, num_sampled_edges_per_hop=[2, 4], **nodes
    )
    kept = edge_index[:, mask > 0.5]
    expected = gnn(x, kept, num_sampled_edges_per_hop=[1, 3], **nodes)
    torch.testing.assert_close(out, expected)


def test_a_network_without_edges_is_itself(pruning):
    x, edge_index, mask = pruning()
    gnn = network("mlp")
    assert torch.equal(masked_forward(gnn, x, edge_index, mask), gnn(x))


def test_other_edges_are_refused(pruning):
    x, edge_index, mask = pruning()
    others = [edge_index.flip(1), edge_index[:, 1:], torch.cat([edge_index] * 2, 1)]
    for name in ("gcn", "sage", "gat", "lightgcn"):
        gnn = network(name)
        with mask_messages(gnn, edge_index, x.size(0), mask):
            for other in others:
                with pytest.raises(TextGraphError, match="with other edges"):
                    gnn(x, other)


def test_other_formats_are_refused(pruning):
    x, edge_index, _ = pruning()
    gnn = network("sage")
    edges = EdgeIndex(edge_index, sparse_size=(x.size(0), x.size(0))).sort_by("col")[0]
    with pytest.raises(TextGraphError, match=r"as_tensor\(\)"):
        masked_forward(gnn, x, edges, torch.ones(edge_index.size(1)))


@pytest.mark.parametrize(
    ("mask", "match"),
    [
        (torch.ones(3), r"shape \(2,\) \(got torch.float32 of shape \(3,\)\)"),
        (torch.ones(2, dtype=torch.bool), "got torch.bool"),
        (torch.tensor([1.0, 0.0]), "removes 1 self loops"),
    ],
)
def test_masks_that_do_not_fit(mask, match):
    edge_index = torch.tensor([[0, 1], [1, 1]])
    gnn = network("sage")
    with pytest.raises(TextGraphError, match=match):
        masked_forward(gnn, torch.randn(2, CHANNELS), edge_index, mask)


def test_checkpointed_layers_are_refused(pruning):
    gnn = pyg.DeepGCNLayer(pyg.GENConv(4, 4), ckpt_grad=True)
    x, edge_index, mask = pruning()
    with pytest.raises(GraphLLMError, match="ckpt_grad=False"):
        masked_forward(gnn, x, edge_index, mask)


@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv])
def test_attention_that_averages_edge_features_is_refused(conv, pruning):
    x, edge_index, mask = pruning()
    gnn = conv(CHANNELS, CHANNELS, edge_dim=3)
    features = torch.randn(edge_index.size(1), 3)
    with pytest.raises(GraphLLMError, match=r"the mean of all edge_attr.*fill_value"):
        masked_forward(gnn, x, edge_index, mask, edge_attr=features)

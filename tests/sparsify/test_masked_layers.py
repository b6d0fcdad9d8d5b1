import pytest
import torch_geometric.nn as pyg

from graphllm.errors import GraphLLMError
from graphllm.models.propagation import GCN2Conv, GCNConv
from graphllm.sparsify.masked_layers import masked_by


class Loud(pyg.SAGEConv):
    """Computes messages of its own."""

    def message(self, x_j):
        return 2 * x_j


class Declared(Loud):
    masked_by = "aggregation"


class NoWeights(Loud):
    masked_by = "weight"


class Misspelt(Loud):
    masked_by = "aggregate"


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (pyg.GCNConv(4, 4), "weight"),
        (GCNConv(4, 4), "weight"),
        (GCN2Conv(4, 0.1), "weight"),
        (pyg.APPNP(3, 0.1), "weight"),
        (pyg.SAGEConv(4, 4), "aggregation"),
        (pyg.GINConv(pyg.Linear(4, 4)), "aggregation"),
        (pyg.GATConv(4, 4), "attention"),
        (pyg.GATv2Conv(4, 4), "attention"),
        (Declared(4, 4), "aggregation"),
    ],
)
def test_kinds(layer, kind):
    assert masked_by(layer) == kind


def test_one_object_may_be_declared():
    layer = pyg.SimpleConv()
    with pytest.raises(GraphLLMError, match="'SimpleConv'"):
        masked_by(layer)
    layer.masked_by = "aggregation"
    assert masked_by(layer) == "aggregation"


@pytest.mark.parametrize(
    "layer",
    [pyg.TransformerConv(4, 4), pyg.MFConv(4, 4), pyg.SuperGATConv(4, 4), Loud(4, 4)],
)
def test_unknown_layers_are_refused(layer):
    name = type(layer).__name__
    with pytest.raises(GraphLLMError, match=rf"'{name}'.*APPNP, .*masked_by = "):
        masked_by(layer)


@pytest.mark.parametrize(
    ("layer", "hint"),
    [
        (pyg.GCNConv(4, 4, aggr="max"), r"MaxAggregation\(\); use aggr='add'"),
        (pyg.GATConv(4, 4, aggr="mean"), "MeanAggregation"),
        (pyg.GCNConv(4, 4, cached=True), "cached=False"),
        (pyg.SGConv(4, 4, cached=True), "cached=False"),
        (pyg.GCNConv(4, 4, improved=True), "improved"),
        (pyg.SAGEConv(4, 4, flow="target_to_source"), "flip edge_index"),
        (NoWeights(4, 4, aggr="sum"), "takes no edge_weight"),
        (Misspelt(4, 4), "must be 'weight' or 'aggregation' .got 'aggregate'"),
    ],
)
def test_options_in_the_way_are_named(layer, hint):
    with pytest.raises(GraphLLMError, match=rf"'{type(layer).__name__}.*{hint}"):
        masked_by(layer)


def test_without_an_aggregation_there_is_nothing_to_mask():
    layer = Declared(4, 4)
    layer.aggr_module = None
    with pytest.raises(GraphLLMError, match="no aggr_module"):
        masked_by(layer)

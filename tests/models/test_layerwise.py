import copy

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg

from graphllm import ELLaGNN
from graphllm.enhance import attach
from graphllm.experiments.fit import run_model
from graphllm.models.layerwise import (
    Layerwise,
    layerwise_inference,
    supports_layerwise,
)


@pytest.fixture
def graph(sbm):
    """Enhanced nodes, weights, a node without edges, a self loop and a double edge."""
    generator = torch.Generator().manual_seed(0)
    away = (sbm.edge_index != 7).all(dim=0)
    more = torch.tensor([[2, 9, 9], [2, 30, 30]])
    sbm.edge_index = torch.cat([sbm.edge_index[:, away], more], dim=1)
    x = torch.randn(60, 5, generator=generator)
    index = torch.arange(1, 60, 6)
    answers = torch.randn(index.numel(), 5, generator=generator)
    return attach(sbm, x, index, answers, [])


def network(backbone, seed=0, **options):
    torch.manual_seed(seed)
    model = ELLaGNN(backbone, 5, 8, 3, options.pop("num_layers", 3), **options)
    for module in model.modules():
        # Norms that do nothing at first would hide that one was left out.
        for name in ("weight", "bias"):
            value = getattr(module, name, None)
            if "Norm" in type(module).__name__ and value is not None:
                torch.nn.init.uniform_(value, 0.5, 1.5)
        if hasattr(module, "running_mean"):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


def check(model, data, use_llm=False, batch_size=7):
    ours = layerwise_inference(model, data, batch_size, use_llm=use_llm)
    with torch.no_grad():
        whole = run_model(model, data, use_llm=use_llm)
    assert whole.shape == (60, 3)
    torch.testing.assert_close(ours, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("use_llm", [False, True])
@pytest.mark.parametrize("name", ["gcn", "sage", "gat", "gin", "mlp"])
def test_equals_the_full_batch(name, use_llm, graph):
    model = network(name, fusion="mix", dropout=0.5)
    check(model, graph, use_llm)


def test_the_fixture_tells_the_cases_apart(graph):
    """Equality above means something: features and weights change the output."""
    model = network("gcn")
    with_llm = layerwise_inference(model, graph, use_llm=True)
    assert not torch.allclose(with_llm, layerwise_inference(model, graph))
    graph.edge_weight = torch.ones_like(graph.edge_weight)
    unweighted = layerwise_inference(model, graph, use_llm=True)
    assert not torch.allclose(with_llm, unweighted)


@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm", "graph_norm", "PairNorm"])
@pytest.mark.parametrize("name", ["gcn", "sage"])
def test_norms_of_rows_and_of_the_whole_graph(name, norm, graph):
    check(network(name, norm=norm, act_first=name == "sage"), graph)


@pytest.mark.parametrize("jk", ["last", "cat", "max", "lstm"])
def test_jumping_knowledge(jk, graph):
    check(network("sage", jk=jk), graph)
    check(network("gcn", jk=jk, norm="batch_norm"), graph, use_llm=True)


@pytest.mark.parametrize(
    "options",
    [
        {"improved": True},
        {"add_self_loops": False},
        {"normalize": False},
        {"cached": True},
        {"bias": False},
    ],
)
def test_options_of_gcn(options, graph):
    model = network("gcn", **options)
    check(copy.deepcopy(model), graph, use_llm=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sage", {"aggr": "max"}),
        ("sage", {"project": True, "normalize": True}),
        ("sage", {"root_weight": False}),
        ("gat", {"heads": 2, "v2": True}),
        ("gat", {"heads": 2, "concat": False, "add_self_loops": False}),
        ("gin", {"train_eps": True}),
    ],
)
def test_options_of_the_others(name, options, graph):
    check(network(name, **options), graph)


def test_one_layer_and_any_batch_size(graph):
    for batch_size in (1, 59, 60, 1000):
        check(network("gcn", num_layers=1), graph, batch_size=batch_size)


def test_pyg_s_own_pna(graph):
    degrees = torch.bincount(torch.bincount(graph.edge_index[1], minlength=60))
    backbone = pyg.PNA(
        5,
        8,
        2,
        3,
        aggregators=["mean", "max", "std"],
        scalers=["identity", "amplification"],
        deg=degrees,
    )
    check(network(backbone), graph, use_llm=True)


def test_dropped_edges_and_weights_without_a_model(graph):
    generator = torch.Generator().manual_seed(1)
    graph.keep_edge = torch.rand(graph.num_edges, generator=generator) < 0.6
    graph.free_edge_weight = torch.rand(graph.num_edges, generator=generator)
    for name in ("gcn", "sage"):
        for use_llm in (False, True):
            check(network(name), graph, use_llm)


@pytest.mark.parametrize(
    "fusion", ["random_view", "replace", "mix", "multi", "gate", "attention"]
)
def test_several_views_and_every_fusion(fusion, graph):
    check(network("sage", fusion=fusion), graph, use_llm=True)
    rows = graph.llm_index.numel()
    graph.x_views = torch.randn(rows, 3, 5)
    graph.view_mask = torch.rand(rows, 3) < 0.6
    enhanced = {"x_llm": graph.x_views, "view_mask": graph.view_mask}
    if fusion in ("replace", "mix"):
        enhanced = {"x_llm": graph.x_llm}  # the mean of the answers
    model = network("gcn", fusion=fusion)
    with torch.no_grad():
        whole = model(
            graph.x,
            graph.edge_index,
            graph.edge_weight,
            llm_mask=graph.llm_mask,
            **enhanced,
        )
    ours = layerwise_inference(model, graph, 16, use_llm=True)
    torch.testing.assert_close(ours, whole, atol=1e-5, rtol=1e-5)


def test_without_enhanced_nodes(graph):
    bare = attach(graph, graph.x, torch.empty(0).long(), graph.x[:0], [])
    model = network("gcn")
    plain = layerwise_inference(model, bare, use_llm=True)
    assert plain.equal(layerwise_inference(model, bare))


def test_one_object_serves_many_networks(graph):
    infer = Layerwise(graph, 16, use_llm=True)
    models = [network("gcn"), network("gcn", 1, improved=True), network("sage")]
    for model in [*models, *models]:
        alone = layerwise_inference(model, graph, 16, use_llm=True)
        assert infer(model).equal(alone)


def test_features_on_disk_in_half_precision(graph, tmp_path):
    half = graph.x.half()
    stored = np.memmap(tmp_path / "x.bin", np.float16, "w+", shape=(60, 5))
    stored[:] = half.numpy()
    model = network("sage", fusion="replace")
    graph.x = half.float()
    expected = layerwise_inference(model, graph, 16, use_llm=True)
    graph.x = np.memmap(tmp_path / "x.bin", np.float16, "r", shape=(60, 5))
    ours = layerwise_inference(model, graph, 16, use_llm=True)
    torch.testing.assert_close(ours, expected)


def test_networks_that_cannot_be_cut():
    class Own(torch.nn.Module):
        def forward(self, x, edge_index):
            return x

    class Twice(pyg.GCN):
        def forward(self, x, edge_index, edge_weight=None):
            return super().forward(x, edge_index, edge_weight) + 1

    class Odd(pyg.GCN):
        def init_conv(self, in_channels, out_channels, **kwargs):
            return pyg.TAGConv(in_channels, out_channels, **kwargs)

    for backbone in (Own(), Twice(5, 8, 2, 3), Odd(5, 8, 2, 3)):
        assert not supports_layerwise(ELLaGNN(backbone))
    assert not supports_layerwise(network("mlp", norm="layer_norm"))
    assert supports_layerwise(network("mlp", norm="batch_norm"))


def test_errors(graph):
    odd = network(
        pyg.Sequential("x, edge_index", [(pyg.TAGConv(5, 3), "x, edge_index -> x")])
    )
    with pytest.raises(ValueError, match="cannot run layer by layer; call the model"):
        layerwise_inference(odd, graph)
    with pytest.raises(ValueError, match=r"call model.eval\(\)"):
        layerwise_inference(network("gcn").train(), graph)
    with pytest.raises(ValueError, match="'batch_size' must be at least 1"):
        layerwise_inference(network("gcn"), graph, 0)

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.evaluate import accuracy
from graphllm.experiments.mog import graph_level as module
from graphllm.experiments.mog.graph_level import run_graph_level, thin_at_random
from graphllm.experiments.mog.graph_readers import ogb_graphs
from graphllm.experiments.mog.graph_sets import GraphSet
from graphllm.experiments.mog.graph_training import GraphTraining
from graphllm.testing import sbm_text_graph

TRAINING = GraphTraining(hidden_channels=8, num_layers=2, epochs=2, batch_size=16)


@pytest.fixture
def toy():
    """Thirty graphs of two classes, with features that tell them apart."""
    graphs = []
    for i in range(30):
        edge_index = sbm_text_graph(9, 0.9, 0.2, seed=i).edge_index
        x = torch.randn(9, 3) + i % 2
        graphs.append(Data(x=x, edge_index=edge_index, y=torch.tensor([i % 2])))
    return GraphSet(
        *("toy", graphs, 2, "accuracy"),
        lambda out, y: accuracy(out.argmax(dim=1), y),
        lambda size: nn.Linear(3, size),
    )


@pytest.mark.parametrize("backbone", ["gin", "pna"])
def test_every_arm_has_its_numbers(toy, backbone):
    ticks = []
    found = run_graph_level(
        toy,
        seeds=[0, 1],
        training=GraphTraining(backbone, 2, 8, epochs=2, batch_size=16),
        sparsities=[0.4],
        progress=lambda *tick: ticks.append(tick),
    )
    assert list(found) == ["dense", "mog@0.4", "mog_vote@0.4", "random@0.4"]
    assert ticks[-1] == ("train", 8, 8)
    for arm, numbers in found.items():
        assert {len(values) for values in numbers.values()} == {2}
        expected = 1.0 if arm == "dense" else 0.6
        assert numbers["kept"] == pytest.approx([expected] * 2, abs=0.01)
        assert all(0.0 <= value <= 1.0 for value in numbers["test"])
        assert set(numbers["epoch"]) == {2.0}


def test_a_run_again_gives_the_same_and_leaves_the_random_state_alone(toy):
    def run():
        found = run_graph_level(
            toy, seeds=[3], training=TRAINING, sparsities=[0.3], mixes=["vote"]
        )
        return {arm: numbers["test"] for arm, numbers in found.items()}

    before = torch.get_rng_state()
    first = run()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert run() == first


def test_the_control_keeps_as_many_edges_in_every_part(toy, monkeypatch):
    seen = []
    fit = module.fit_graphs

    def spy(model, parts, score, **options):
        done = fit(model, parts, score, **options)
        seen.append((parts, done.kept))
        return done

    monkeypatch.setattr(module, "fit_graphs", spy)
    run_graph_level(toy, seeds=[0], training=TRAINING, sparsities=[0.4], mixes=["vote"])
    (_, _), (whole, kept), (thinned, left) = seen
    for part, graphs in thinned.items():
        assert kept[part] - 1 <= left[part] <= kept[part]
        for graph, before in zip(graphs, whole[part], strict=True):
            assert torch.equal(graph.x, before.x)
            assert graph.num_edges <= before.num_edges


def test_random_thinning_takes_whole_undirected_edges(toy):
    total = sum(graph.num_edges for graph in toy.graphs)
    half = total // 4 * 2
    thinned = thin_at_random(toy.graphs, half, seed=0)
    assert sum(graph.num_edges for graph in thinned) == half
    assert all(graph.is_undirected() for graph in thinned)
    assert sum(graph.num_edges for graph in toy.graphs) == total
    again, other = (thin_at_random(toy.graphs, half, seed) for seed in (0, 1))
    edges = [
        torch.cat([graph.edge_index for graph in graphs], dim=1).tolist()
        for graphs in (thinned, again, other)
    ]
    assert edges[0] == edges[1] != edges[2]


def test_wrong_arguments(toy):
    for wrong in (0.0, 1.0):
        with pytest.raises(BudgetError, match="between 0 and 1"):
            run_graph_level(toy, sparsities=[wrong])
    with pytest.raises(GraphLLMError, match="there is no mix"):
        run_graph_level(toy, mixes=[])
    with pytest.raises(UnknownNameError, match="unknown backbone 'mlp'"):
        run_graph_level(toy, training=GraphTraining("mlp"))


@pytest.mark.data
@pytest.mark.slow
def test_molecules_run(data_root):
    bace = ogb_graphs("ogbg-molbace", data_root)
    found = run_graph_level(
        bace, seeds=[0], training=GraphTraining(epochs=2), sparsities=[0.3]
    )
    assert found["mog@0.3"]["kept"] == pytest.approx([0.7], abs=1e-3)
    assert found["random@0.3"]["kept"] == pytest.approx([0.7], abs=1e-3)

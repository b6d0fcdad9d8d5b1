import pytest
import torch
from safetensors.torch import load_file

from graphllm.data import apply_split
from graphllm.errors import EmbeddingError, TextGraphError, UnknownNameError
from graphllm.experiments.llaga import (
    NODE_ARMS,
    LLaGATraining,
    run_llaga_nodes,
    trained,
)
from graphllm.graph_tokens import HopField, NeighborhoodDetail
from graphllm.models.llaga import projector

BRIEF = LLaGATraining(epochs=1, batch_size=16, hidden_channels=8)


def values(result, arm, metric="test_acc"):
    return result.arms[arm][metric]["values"]


def test_neighbours_tell_the_class_and_the_node_alone_does_not(
    graph, x, llm, quick, brief_gnns
):
    before = torch.random.get_rng_state()
    seen = []
    result = run_llaga_nodes(
        *(graph, x, llm, HopField(2)),
        training=quick,
        progress=lambda *news: seen.append(news[0]),
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert tuple(result.arms) == (*NODE_ARMS, "llm_text_zero_shot_balanced")
    assert values(result, "llaga")[0] >= 0.9
    assert values(result, "llaga")[0] >= values(result, "center_only")[0] + 0.3
    assert values(result, "gcn")[0] >= 0.8
    assert set(seen) == {"train", "read texts"}
    assert graph.x is None
    assert result.config["llm"] == "tiny"
    assert result.details["curves"].keys() == {"llaga", "center_only"}
    assert len(result.details["explanations"]) >= 2


def test_center_only_is_the_node_without_hops(plant, encode, llm):
    graph = plant(30)
    x = encode(graph.text)
    one = run_llaga_nodes(
        *(graph, x, llm, HopField(2)), training=BRIEF, arms=("center_only",)
    )
    bare = graph.clone()
    bare.edge_index = graph.edge_index[:, :0]
    for data in (graph, bare):
        other = run_llaga_nodes(
            *(data, x, llm, HopField(num_hops=0)), training=BRIEF, arms=("llaga",)
        )
        curves = other.details["curves"]["llaga"]
        assert curves == one.details["curves"]["center_only"]
        assert values(other, "llaga") == values(one, "center_only")


def test_test_labels_change_no_weight(graph, x, llm, tmp_path):
    weights, curves = [], []
    test = apply_split(graph, "random-60-20-20", 0).test_mask.nonzero().view(-1)
    for number in range(2):
        data = graph.clone()
        if number:
            data.y[test] = data.y[test].roll(1)
            assert not torch.equal(data.y, graph.y)
        folder = tmp_path / str(number)
        result = run_llaga_nodes(
            *(data, x, llm, HopField(1)), training=BRIEF, arms=("llaga",), folder=folder
        )
        name = result.details["checkpoints"]["llaga"]
        weights.append(load_file(folder / name / "projector.safetensors"))
        curves.append(result.details["curves"])
    assert curves[0] == curves[1]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name])


def test_a_second_run_finds_what_the_first_one_did(
    graph, x, llm, tmp_path, monkeypatch
):
    def run(**options):
        return run_llaga_nodes(
            *(graph, x, llm, NeighborhoodDetail((3,))),
            training=BRIEF,
            seeds=(0, 1),
            arms=("llaga", "llm_text_zero_shot"),
            folder=tmp_path,
            **options,
        )

    first = run()
    assert len(values(first, "llaga")) == 2
    assert len(set(first.details["checkpoints"].values())) == 1
    monkeypatch.setattr(trained, "fit_llaga", None)
    monkeypatch.setattr(projector.GraphTokenProjector, "forward", None)
    again = run()
    assert again.arms == first.arms
    assert again.details == first.details
    with pytest.raises(TypeError):
        run(pad_mode="zero")


def test_what_cannot_be_run(graph, x, llm):
    def run(data=graph, vectors=x, **options):
        run_llaga_nodes(data, vectors, llm, HopField(1), training=BRIEF, **options)

    with pytest.raises(UnknownNameError, match="unknown arm 'gat'"):
        run(arms=("llaga", "gat"))
    with pytest.raises(EmbeddingError, match="75 nodes"):
        run(vectors=x[:70])
    with pytest.raises(UnknownNameError, match="unknown split"):
        run(split="random")
    with pytest.raises(UnknownNameError, match="unknown domain"):
        run(domain="chemistry")
    graph.y = None
    with pytest.raises(TextGraphError, match="no labels"):
        run()

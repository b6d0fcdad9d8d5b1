from dataclasses import replace

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphllm.data import split_links
from graphllm.errors import EmbeddingError, LeakageError, UnknownNameError
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga import (
    LINK_ARMS,
    LLaGAFit,
    LLaGATraining,
    run_llaga_links,
    trained,
)
from graphllm.experiments.llaga import links as links_module
from graphllm.graph_tokens import HopField, NeighborhoodDetail

BRIEF = LLaGATraining(epochs=1, batch_size=32, hidden_channels=8)


@pytest.fixture
def hubs():
    """A few nodes are linked to most others, and their vectors say so."""
    generator = torch.Generator().manual_seed(0)
    hub = torch.arange(30) < 6
    chance = torch.where(hub.view(-1, 1) | hub, 0.9, 0.01)
    draw = torch.rand(30, 30, generator=generator)
    pairs = torch.triu(draw < chance, diagonal=1).nonzero().t()
    x = 0.2 * torch.randn(30, 8, generator=generator)
    x[:, 0] += 2.0 * hub
    text = ["a hub" if each else "a leaf" for each in hub]
    edge_index = to_undirected(pairs, num_nodes=30)
    return Data(edge_index=edge_index, text=text, num_nodes=30), x


def test_links_are_learned(hubs, llm, quick, brief_gnns):
    before = torch.random.get_rng_state()
    training = replace(quick, epochs=5)
    result = run_llaga_links(*hubs, llm, HopField(1), training=training)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert tuple(result.arms) == LINK_ARMS
    assert result.arms["llaga"]["test_auc"]["mean"] >= 0.85
    assert result.arms["gcn"]["test_auc"]["mean"] >= 0.8
    assert result.arms["llaga"].keys() == result.arms["linear_probe"].keys()
    curves = result.details["curves"]
    assert curves.keys() == {"llaga", "center_only"}
    assert result.arms["llaga"]["val_auc"]["mean"] == max(curves["llaga"]["val_auc"])
    assert len(result.details["explanations"][0]["nodes"]) == 2
    # Links need neither labels nor names of classes.
    assert result.dataset["num_classes"] == 0


@pytest.mark.parametrize("template", [HopField(1), NeighborhoodDetail((3, 3))])
def test_tokens_are_bound_to_edges_without_the_questions(
    template, graph, x, llm, monkeypatch
):
    asked = []

    def spy(pairs, label, prompt, tokens):
        asked.append((pairs, label, tokens))
        raise KeyboardInterrupt

    monkeypatch.setattr(links_module, "link_questions", spy)
    with pytest.raises(KeyboardInterrupt):
        run_llaga_links(graph, x, llm, template, training=BRIEF, arms=("llaga",))
    pairs, label, tokens = asked[0]
    expected = split_links(graph, seed=0)
    assert torch.equal(pairs, expected.val.pairs)
    ends = pairs[label == 1]
    whole = template.bind(x, graph.edge_index)
    own = template.bind(x, expected.eval_edges)
    assert torch.equal(tokens(ends[:, 0]).x, own(ends[:, 0]).x)
    assert not torch.equal(tokens(ends[:, 0]).x, whole(ends[:, 0]).x)


def test_training_never_asks_about_a_scored_link(graph, x, llm, monkeypatch):
    tasks = []

    def fit(model, given, validate, training, **options):
        tasks.extend(given)
        raise KeyboardInterrupt

    monkeypatch.setattr(trained, "fit_llaga", fit)
    with pytest.raises(KeyboardInterrupt):
        run_llaga_links(graph, x, llm, HopField(1), training=BRIEF, arms=("llaga",))
    split = split_links(graph, seed=0)
    known = {tuple(sorted(pair)) for pair in split.eval_edges.t().tolist()}
    scored = torch.cat([split.val.positive, split.test.positive])
    scored = {tuple(sorted(pair)) for pair in scored.tolist()}
    for epoch in range(5):
        questions = tasks[0].at(epoch)
        yes = questions.prompt.candidates[0]
        asked = {
            tuple(sorted(pair))
            for pair, answer in zip(
                questions.items.tolist(), questions.answers, strict=True
            )
            if answer == yes
        }
        assert asked
        assert asked <= known
        assert not asked & scored


def test_a_split_that_shows_its_links_is_refused(graph, x, llm, monkeypatch):
    def leaking(data, seed):
        return split_links(data, seed=seed)._replace(eval_edges=data.edge_index)

    monkeypatch.setattr(links_module, "split_links", leaking)
    with pytest.raises(LeakageError, match="is to be predicted"):
        run_llaga_links(graph, x, llm, HopField(1), training=BRIEF, arms=("llaga",))


def test_each_seed_has_questions_and_a_key_of_its_own(
    plant, encode, llm, tmp_path, monkeypatch
):
    graph = plant(30)
    x = encode(graph.text)
    asked = []

    def fit(model, tasks, validate, training, **options):
        validate()
        asked.append(tasks[0])
        return LLaGAFit(step=1)

    monkeypatch.setattr(trained, "fit_llaga", fit)

    def run(seeds):
        return run_llaga_links(
            *(graph, x, llm, HopField(1)),
            training=BRIEF,
            arms=("llaga",),
            seeds=seeds,
            folder=tmp_path,
        )

    run((0, 1))
    assert asked[0].items.tolist() != asked[1].items.tolist()
    splits = [split_links(graph, seed=seed) for seed in (0, 1)]
    for part in ("val", "test"):
        one, other = (getattr(split, part).pairs for split in splits)
        assert one.tolist() != other.tolist()
    assert len(asked) == 2
    run((1, 0))
    assert len(asked) == 2
    # The same seed over other edges, or another split of the same ones.
    gone = graph.edge_index[:, 0]
    keep = ~torch.isin(graph.edge_index, gone).all(0)
    graph.edge_index = graph.edge_index[:, keep]
    run((0,))
    assert len(asked) == 3

    def resplit(data, seed):
        split = split_links(data, seed=seed)
        return split._replace(eval_edges=split.train_edges)

    monkeypatch.setattr(links_module, "split_links", resplit)
    run((0,))
    assert len(asked) == 4
    assert len(Ledger(tmp_path / "trainings.jsonl")._rows) == 4


def test_what_cannot_be_run(graph, x, llm):
    with pytest.raises(UnknownNameError, match="unknown arm 'llm_text_zero_shot'"):
        run_llaga_links(graph, x, llm, HopField(1), arms=("llm_text_zero_shot",))
    with pytest.raises(EmbeddingError, match="75 nodes"):
        run_llaga_links(graph, x[1:], llm, HopField(1))

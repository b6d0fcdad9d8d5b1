import pytest
import torch

from graphllm.errors import EmbeddingError, TextGraphError, UnknownNameError
from graphllm.experiments.llaga import (
    LLaGATraining,
    run_llaga_transfer,
    trained,
)
from graphllm.graph_tokens import HopField

BRIEF = LLaGATraining(epochs=1, batch_size=16, hidden_channels=8)


@pytest.fixture
def pair(plant, encode):
    def make(num_nodes, seed, names="abc"):
        data = plant(num_nodes, seed, names)
        return data, encode(data.text)

    return make


@pytest.fixture
def run(llm, brief_gnns):
    def again(train, test, **options):
        settings = {"training": BRIEF, **options}
        return run_llaga_transfer(train, test, llm, HopField(1), **settings)

    return again


def mean(result, arm):
    return result.arms[arm]["test_acc"]["mean"]


def test_one_projector_learns_two_graphs_and_knows_a_third(run, pair, quick):
    before = torch.random.get_rng_state()
    seen = []
    result = run(
        *([pair(60, 1), pair(45, 2, "cab")], [pair(60, 3)]),
        training=quick,
        progress=lambda *news: seen.append(news),
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert mean(result, "llaga_planted1") >= 0.8
    assert mean(result, "zero_shot_planted3") >= mean(result, "untrained_planted3")
    assert ("zero-shot planted3", 2, 2) in seen
    assert result.dataset["name"] == "planted1"
    assert result.details["baseline"] == "gcn_planted1"
    sizes = {k: v["num_nodes"] for k, v in result.details["graphs"].items()}
    assert sizes == {"planted1": 60, "planted2": 45, "planted3": 60}
    assert result.details["curves"].keys() == {"llaga"}
    assert result.details["arm_notes"].keys() == result.arms.keys()
    told = {each["graph"] for each in result.details["explanations"]}
    assert told == {"planted1", "planted2"}
    assert all(each["texts"] for each in result.details["explanations"])
    assert result.config["train"] == ["planted1", "planted2"]


def test_more_graphs_are_tried_without_training_again(run, pair, tmp_path, monkeypatch):
    train = [pair(30, 1), pair(30, 2, "xy")]
    held = [pair(30, 3), pair(30, 4)]
    train[1][0].y.clamp_(max=1)
    at_once = run(train, held)
    run(train, held[:1], folder=tmp_path)
    monkeypatch.setattr(trained, "fit_llaga", None)
    later = run(train, held, folder=tmp_path)
    assert later.arms == at_once.arms
    assert run(train, held, folder=tmp_path).arms == at_once.arms


def test_a_part_of_the_nodes_is_the_same_for_all_arms(run, pair):
    data, x = pair(40, 3)
    found = run([pair(30, 1)], [(data, x)], max_eval=10, seeds=(0, 1))
    # Accuracies are tenths, and each seed draws nodes of its own.
    for arm in ("zero_shot", "untrained", "text_zero_shot", "majority"):
        for value in found.arms[f"{arm}_planted3"]["test_acc"]["values"]:
            assert 10 * value == pytest.approx(round(10 * value))
    whole = run([pair(30, 1)], [(data, x)], max_eval=None)
    share = float(data.y.bincount().max()) / 40
    assert mean(whole, "majority_planted3") == pytest.approx(share)


def test_labels_of_a_held_out_graph_change_no_answer(run, pair, tmp_path):
    data, x = pair(30, 3)
    first = run([pair(30, 1)], [(data, x)], folder=tmp_path)
    relabelled = data.clone()
    relabelled.y = (data.y + 1) % 3
    second = run([pair(30, 1)], [(relabelled, x)], folder=tmp_path)
    assert second.details["curves"] == first.details["curves"]
    assert second.details["checkpoints"] == first.details["checkpoints"]
    assert mean(first, "llaga_planted1") == mean(second, "llaga_planted1")


def test_wording_of_each_graph(run, pair):
    graphs = ([pair(30, 1)], [pair(30, 2)])
    result = run(*graphs, domains=["citation", "wiki"])
    assert result.config["domains"] == ["citation", "wiki"]
    plain = run(*graphs)
    assert plain.config["domains"] == ["generic", "generic"]
    curves = [each.details["curves"]["llaga"]["train_loss"] for each in (plain, result)]
    assert curves[0] != curves[1]


def test_what_cannot_be_run(run, pair):
    one, other = pair(30, 1), pair(30, 2)
    with pytest.raises(TextGraphError, match="no graph to train on"):
        run([], [one])
    with pytest.raises(TextGraphError, match="two graphs are called 'planted1'"):
        run([one], [pair(45, 1)])
    with pytest.raises(EmbeddingError, match=r"planted1 24, planted2 23"):
        run([one], [(other[0], other[1][:, 1:])])
    with pytest.raises(TextGraphError, match=r"2 graphs need as many domains \(got 1"):
        run([one], [other], domains=["wiki"])
    with pytest.raises(UnknownNameError, match="unknown domain"):
        run([one], [other], domains=["wiki", "chemistry"])
    other[0].y.fill_(-1)
    for name in ("train_mask", "val_mask", "test_mask"):
        del other[0][name]
    with pytest.raises(TextGraphError, match="'planted2' has no labels"):
        run([one], [other])

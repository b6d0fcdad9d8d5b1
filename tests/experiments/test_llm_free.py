import math

import pytest
import torch

from graphllm.enhance import Enhancer
from graphllm.experiments import Ledger, Training
from graphllm.experiments.llm_free import choose, run_llm_free, study_rows, vote_quality
from graphllm.selection import PageRankSelector, Selector
from graphllm.testing import ScriptedLLM, sbm_text_graph
from graphllm.testing.graphs import WORDS

VOCABULARY = [word for words in WORDS.values() for word in words]
TRAINING = Training("gcn", hidden_channels=16, lr=0.02, epochs=40, patience=40)


def encode(texts):
    rows = [[float(text.split().count(w)) for w in VOCABULARY] for text in texts]
    rows = torch.tensor(rows).view(-1, len(VOCABULARY))
    return torch.nn.functional.normalize(rows + 1e-3, dim=-1)


@pytest.fixture(scope="module")
def graph():
    data = sbm_text_graph(240, 0.03, 0.003, word_noise=0.7, words_per_node=4, seed=1)
    data.name = "sbm"
    return data


def knowing(data):
    """Ranks the right class first, always."""

    def answer(request):
        if request.template.startswith("rank_labels"):
            return f'["{data.label_names[int(data.y[request.node])]}"]'
        return " ".join(WORDS[data.label_names[int(data.y[request.node])]])

    return ScriptedLLM(answer)


def study(data, prompts=("rank_labels",), **options):
    llm = options.pop("llm", None) or knowing(data)
    enhancer = Enhancer(llm, prompts, encode, PageRankSelector(), 0.8, pool="all")
    return run_llm_free(
        data,
        enhancer,
        x=encode(data.text),
        seeds=range(2),
        training=TRAINING,
        **options,
    )


@pytest.fixture(scope="module")
def result(graph):
    return study(graph)


def by_name(result):
    return {row["name"]: row for row in result.details["study"]["rows"]}


def test_every_way_and_every_control_is_a_row(result):
    assert list(by_name(result)) == [
        *("plain", "self_distilled", "self_consistent", "random_view", "replace"),
        "confidence",
        *("curriculum", "consistency", "annotated", "distilled", "taught"),
        *("on_demand", "consistency_random", "consistency_shuffled"),
        *("taught_random", "taught_shuffled", "teacher_llm_at_test"),
    ]
    assert set(result.arms) == set(by_name(result))
    for name, row in by_name(result).items():
        assert len(row["test_acc"]["values"]) == 2
        assert ("lift_plain" in row) == (name != "plain")


def test_a_knowing_model_leaves_its_knowledge_behind(result):
    rows = by_name(result)
    assert rows["taught"]["lift_plain"]["mean"] > 0.02
    assert rows["annotated"]["lift_plain"]["mean"] > 0.02


def test_the_quality_of_the_votes_is_recorded(result):
    annotation = result.details["study"]["annotation"]
    assert annotation["accuracy"]["values"] == [1.0, 1.0]
    assert annotation["ece"]["values"] == [0.0, 0.0]


def test_answers_in_prose_have_no_annotation(graph):
    result = study(graph, ("expand",))
    assert not {"annotated", "distilled"} & set(by_name(result))
    assert "annotation" not in result.details["study"]
    assert by_name(result)["taught"]["test_acc"]["mean"] > 0.3


def test_a_run_goes_on_where_it_stopped(graph, tmp_path):
    ledger = tmp_path / "trainings.jsonl"
    first = study(graph, ("expand",), ledger=Ledger(ledger))
    size = ledger.stat().st_size
    again = study(graph, ("expand",), ledger=Ledger(ledger))
    assert ledger.stat().st_size == size
    assert again.arms == first.arms


class ByProbs(Selector):
    def score(self, data, context):
        return -context.probs.max(dim=-1).values


def test_the_selector_sees_what_the_network_does_not_know(graph):
    graph = graph.clone()
    graph.x = encode(graph.text)
    probs = torch.full((240, 3), 0.05)
    probs[:, 0] = 0.9
    probs[[5, 17, 40]] = 1 / 3
    enhancer = Enhancer(knowing(graph), ["expand"], encode, ByProbs(), 3, pool="all")
    assert choose(graph, enhancer, probs).tolist() == [5, 17, 40]


def test_rows_are_paired_seed_by_seed():
    def outcome(test, val, unasked):
        return {
            "score": {"test_acc": test, "val_acc": val, "epoch": 1},
            "unasked": unasked,
            "plain_unasked": 0.5,
        }

    rows = study_rows(
        {
            "plain": [outcome(0.5, 0.6, 0.4), outcome(0.7, 0.6, 0.6)],
            "self_distilled": [outcome(0.6, 0.6, 0.5), outcome(0.7, 0.6, 0.6)],
            "taught": [outcome(0.8, 0.7, 0.6), outcome(0.8, 0.7, 0.8)],
        }
    )
    taught = rows[2]
    assert math.isclose(taught["lift_plain"]["mean"], 0.2)
    assert math.isclose(taught["lift_self"]["mean"], 0.15)
    # 0.6 and 0.8 against 0.5 each
    assert math.isclose(taught["lift_unasked"]["mean"], 0.2)
    assert taught["lift_plain"]["wins"] == 2
    assert "lift_self" not in rows[1]


def test_vote_quality_by_hand(graph):
    data = graph.clone()
    data.train_mask = torch.zeros(240, dtype=torch.bool)
    data.train_mask[0] = True
    index = torch.tensor([0, 1, 2])
    votes = torch.zeros(3, 3)
    votes[0, (data.y[0] + 1) % 3] = 1.0
    votes[1, data.y[1]] = 1.0
    votes[2, (data.y[2] + 1) % 3] = 1.0
    quality = vote_quality(data, index, votes)
    assert quality == {"accuracy": 0.5, "ece": 0.5, "count": 2.0}

import pytest
import torch

from graphllm.enhance import Enhancer
from graphllm.experiments import (
    Ledger,
    Training,
    build_arms,
    plan_ellagnn,
    run_ellagnn,
)
from graphllm.llm import CachedLLM
from graphllm.selection import PageRankSelector
from graphllm.testing import ScriptedLLM, sbm_text_graph
from graphllm.testing.graphs import WORDS

VOCABULARY = [word for words in WORDS.values() for word in words]


def encode(texts):
    rows = [[float(text.split().count(w)) for w in VOCABULARY] for text in texts]
    rows = torch.tensor(rows).view(-1, len(VOCABULARY))
    return torch.nn.functional.normalize(rows + 1e-3, dim=-1)


@pytest.fixture
def graph():
    data = sbm_text_graph(150, 0.06, 0.02, word_noise=0.85, words_per_node=3, seed=1)
    data.name = "sbm"
    return data


def oracle(data, share):
    """Answers with clean topical words for a share of the nodes, else with noise."""

    def answer(request):
        node = request.node
        if (node * 7919) % 100 < 100 * share:
            return " ".join(WORDS[data.label_names[int(data.y[node])]])
        return " ".join(WORDS[data.label_names[(node * 2654435761 >> 16) % 3]])

    return ScriptedLLM(answer)


def enhancer(llm, budget=1.0, **options):
    options = {"pool": "all", **options}
    return Enhancer(llm, ["expand"], encode, PageRankSelector(), budget, **options)


def run(data, llm, **options):
    budget = options.pop("budget", 1.0)
    training = Training(hidden_channels=16, epochs=options.pop("epochs", 20))
    options = {"split": "file", "seeds": [0, 1], "training": training, **options}
    return run_ellagnn(data, enhancer(llm, budget), **options)


def test_arms_and_views(graph):
    arms = build_arms(graph, enhancer(oracle(graph, 1), 20), encode(graph.text), 0)
    views = {view: use for arm in arms.values() for view, use in arm.views.items()}
    assert views == {
        "plain": False,
        "random": False,
        "shuffled": False,
        "shuffled_llm_at_test": True,
        "ellagnn": False,
        "ellagnn_llm_at_test": True,
        "oracle": False,
        "oracle_llm_at_test": True,
    }
    assert "x_llm" not in arms["plain"].data
    chosen, drawn = arms["ellagnn"].data.llm_index, arms["random"].data.llm_index
    assert chosen.numel() == drawn.numel() == 20
    assert not torch.equal(chosen, drawn)
    assert torch.equal(arms["shuffled"].data.llm_index, chosen)
    assert torch.equal(arms["oracle"].data.llm_index, chosen)


def test_no_oracle_without_full_text(graph):
    del graph.full_text
    arms = build_arms(graph, enhancer(oracle(graph, 1), 20), encode(graph.text), 0)
    assert "oracle" not in arms


def test_more_knowledge_lifts_accuracy_and_noise_does_not(graph):
    """Guard 9: end to end, the gain follows the quality of the answers."""
    accuracies = [
        run(graph, oracle(graph, share)).arms["ellagnn_llm_at_test"]["test_acc"]["mean"]
        for share in (0.0, 0.5, 1.0)
    ]
    assert accuracies[0] < accuracies[1] < accuracies[2]
    result = run(graph, oracle(graph, 1.0))
    mean = {arm: metrics["test_acc"]["mean"] for arm, metrics in result.arms.items()}
    assert mean["ellagnn_llm_at_test"] > mean["plain"] + 0.1
    assert mean["shuffled_llm_at_test"] < mean["plain"]


def test_the_same_run_twice_is_the_same_result(graph):
    first, second = (run(graph, oracle(graph, 1), budget=0.2) for _ in range(2))
    assert first.arms == second.arms
    assert first.details == second.details


def test_the_callers_random_state_is_left_alone(graph):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(graph, oracle(graph, 1), seeds=[0], epochs=2)
    assert torch.equal(torch.rand(3), expected)


def test_result_fields(graph):
    result = run(graph, oracle(graph, 1), budget=0.1, epochs=3)
    assert result.method == "ellagnn"
    assert result.dataset["num_nodes"] == 150
    assert result.dataset["num_classes"] == 3
    assert result.seeds == [0, 1]
    assert len(result.arms["plain"]["test_acc"]["values"]) == 2
    assert result.details["answers"]["asked"] == 15
    assert result.details["answers"]["parsed"] == 15
    assert len(result.details["examples"]) == 5
    assert result.details["selection"]["count"] == 15
    assert {"encode", "enhance", "train"} <= set(result.timing)


def test_an_interrupted_run_goes_on_where_it_stopped(graph, tmp_path, monkeypatch):
    import graphllm.experiments.ellagnn as module

    trained = []
    real = module.fit

    def counted(*args, **kwargs):
        trained.append(1)
        if len(trained) == 4:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    undisturbed = run(graph, oracle(graph, 1), epochs=5)
    monkeypatch.setattr(module, "fit", counted)
    path = tmp_path / "trainings.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(graph, oracle(graph, 1), epochs=5, ledger=Ledger(path))
    resumed = run(graph, oracle(graph, 1), epochs=5, ledger=Ledger(path))
    # 2 seeds x 5 trainings; the fourth was cut off and runs once more
    assert len(trained) == 4 + 7
    assert resumed.arms == undisturbed.arms
    run(graph, oracle(graph, 1), epochs=6, ledger=Ledger(path))
    assert len(trained) == 11 + 10


def test_one_ledger_serves_any_number_of_runs(graph, tmp_path):
    ledger = Ledger(tmp_path / "trainings.jsonl")
    llm = oracle(graph, 1)
    first = run(graph, llm, epochs=2, seeds=[0], ledger=ledger)
    for _ in range(3):
        again = run(graph, llm, epochs=2, seeds=[0], ledger=ledger)
        assert again.arms == first.arms


def test_the_random_control_is_drawn_anew_for_each_seed(graph):
    made = enhancer(oracle(graph, 1), 20)
    x = encode(graph.text)
    drawn = [
        build_arms(graph, made, x, seed)["random"].data.llm_index.tolist()
        for seed in (0, 1, 1)
    ]
    assert drawn[0] != drawn[1]
    assert drawn[1] == drawn[2]


def test_without_usable_answers_there_is_nothing_to_compare(graph):
    from graphllm.errors import LLMError

    with pytest.raises(LLMError, match=r"not one usable answer to 150 questions"):
        run(graph, ScriptedLLM(lambda request: ""), epochs=1)


def test_few_usable_answers_are_said(graph, caplog):
    llm = ScriptedLLM(lambda request: "star" if request.node % 5 == 0 else "")
    run(graph, llm, epochs=1, seeds=[0])
    assert "only 30 of 150 answers about the chosen nodes are usable" in caplog.text


def test_the_plan_with_repair_is_an_upper_bound(graph):
    llm = oracle(graph, 1)
    x = encode(graph.text)
    once = plan_ellagnn(graph, enhancer(llm, 20), x, "file", [0])
    twice = plan_ellagnn(graph, enhancer(llm, 20, repair=True), x, "file", [0])
    assert twice.calls == 2 * once.calls


def test_the_plan_counts_every_call_of_the_run(graph, tmp_path):
    llm = oracle(graph, 1)
    cached = CachedLLM(llm, tmp_path / "answers.sqlite")
    made = enhancer(cached, 20, pool="train+neighbors", num_hops=1)
    x = encode(graph.text)
    split = "random-60-20-20"
    plan = plan_ellagnn(graph, made, x, split, [0, 1])
    assert llm.calls == []
    run_ellagnn(
        graph, made, x=x, split=split, seeds=[0, 1], training=Training(epochs=1)
    )
    assert len(llm.calls) == plan.calls
    again = plan_ellagnn(graph, made, x, split, [0, 1])
    assert again.calls == 0
    run_ellagnn(
        graph, made, x=x, split=split, seeds=[0, 1], training=Training(epochs=1)
    )
    assert len(llm.calls) == plan.calls

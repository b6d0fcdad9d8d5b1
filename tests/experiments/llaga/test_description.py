import pytest
import torch

from graphllm.data import apply_split
from graphllm.errors import EmbeddingError, TextGraphError
from graphllm.experiments.llaga import (
    LLaGATraining,
    description_questions,
    generate_answers,
    run_llaga_descriptions,
    trained,
)
from graphllm.experiments.llaga.questions import mean_loss
from graphllm.experiments.llaga.sentences import sentence_metrics
from graphllm.graph_tokens import HopField
from graphllm.models.llaga import LLaGA
from graphllm.prompts.graph_prompt import description_prompt
from graphllm.report.sections import examples_section

BRIEF = LLaGATraining(epochs=2, batch_size=16, hidden_channels=8)


@pytest.fixture
def run(graph, x, llm, encode):
    def again(**options):
        settings = {"training": BRIEF, "max_eval": 6, **options}
        return run_llaga_descriptions(graph, x, llm, HopField(1), encode, **settings)

    return again


def test_the_numbers_are_those_of_the_checkpoint(
    run, graph, x, llm, encode, tmp_path, monkeypatch
):
    before = torch.random.get_rng_state()
    result = run(folder=tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert tuple(result.arms) == ("llaga", "shuffled", "reference_level")
    folder = tmp_path / result.details["checkpoints"]["llaga"]
    model, prompts = LLaGA.load(folder, llm.model, llm.tokenizer)
    assert prompts == [description_prompt()]
    masks = apply_split(graph, "random-60-20-20", 0)
    tokens = HopField(1).bind(x, graph.edge_index)
    val, test = (
        description_questions(graph, mask, prompts[0], tokens).draw(6, 0)
        for mask in (masks.val_mask, masks.test_mask)
    )
    curve = result.details["curves"]["llaga"]["val_log_likelihood"]
    assert max(curve) == pytest.approx(-mean_loss(model, val), rel=1e-5)
    answers = generate_answers(model, test)
    labels = [graph.label_names[y] for y in graph.y[test.items].tolist()]
    expected = sentence_metrics(
        answers, test.answers, labels, graph.label_names, encode
    )
    for arm, metrics in expected.items():
        for name, value in metrics.items():
            assert result.arms[arm][name]["mean"] == pytest.approx(value)
    assert result.arms.keys() == expected.keys()
    # Again, and with another encoder: nothing is trained or written anew.
    monkeypatch.setattr(trained, "fit_llaga", None)
    assert run(folder=tmp_path).arms == result.arms


def test_examples_can_be_shown(run, graph):
    result = run(training=LLaGATraining(epochs=1, batch_size=64, hidden_channels=8))
    examples = result.details["examples"]
    assert len(examples) == 5
    page = str(examples_section(result))
    for each in examples:
        assert each["reference"].startswith(f"{each['label']}: ")
        assert each["text"] == graph.text[each["node"]]
        assert f"node {each['node']}" in page
        assert each["text"] in page
        assert len(each["answers"]) == 1


def test_what_is_written_is_learned(plant, encode, llm):
    data = plant(30)
    data.text = [f"{each} {each}" for each in ("a", "b", "c")] * 10
    x = torch.eye(3)[data.y]
    training = LLaGATraining(lr=0.03, epochs=10, batch_size=6, hidden_channels=32)
    result = run_llaga_descriptions(
        *(data, x, llm, HopField(1), lambda texts: torch.ones(len(texts), 2)),
        training=training,
    )
    losses = result.details["curves"]["llaga"]["train_loss"]
    assert losses[-1] < losses[0] - 0.4
    assert result.arms["reference_level"]["test_cosine"]["mean"] == pytest.approx(1.0)


def test_seeds_ask_about_other_nodes(run):
    result = run(seeds=(0, 1), training=LLaGATraining(epochs=1, hidden_channels=8))
    first, second = result.arms["reference_level"]["test_cosine"]["values"]
    assert first != second


def test_what_cannot_be_run(run, graph, x, llm, encode):
    with pytest.raises(TextGraphError, match=r"at least two test nodes .*\(got 1\)"):
        run(max_eval=1)
    with pytest.raises(EmbeddingError, match="75 nodes"):
        run_llaga_descriptions(graph, x[:9], llm, HopField(1), encode)

import pytest
import torch

from graphllm.enhance import Enhancer
from graphllm.errors import LLMError, PromptError, UnknownNameError
from graphllm.evaluate import paired_difference
from graphllm.experiments import Training, run_ellagnn
from graphllm.experiments.prompt_ablation import prompt_families, run_prompt_ablation
from graphllm.prompts import get_templates
from graphllm.selection import DegreeSelector
from graphllm.testing import ScriptedLLM

TRAINING = Training(hidden_channels=4, epochs=2)
PROMPTS = ["expand", "keywords_labels"]


def made(llm, encode, prompts=("expand",)):
    return Enhancer(llm, prompts, encode, DegreeSelector(), 20, pool="all")


def run(data, enhancer, prompts=PROMPTS, **options):
    options = {"split": "file", "seeds": [0, 1], "training": TRAINING, **options}
    return run_prompt_ablation(data, enhancer, prompts, **options)


def test_one_arm_a_prompt_and_one_of_all(small_graph, knowing, encode):
    result = run(small_graph, made(knowing, encode))
    names = [*PROMPTS, "together"]
    pairs = [arm for name in names for arm in (name, f"{name}_llm_at_test")]
    assert list(result.arms) == ["plain", *pairs]
    study = result.details["study"]
    assert study["kind"] == "prompts"
    assert [row["arm"] for row in study["rows"]] == pairs
    aware = {row["prompt"]: row["label_aware"] for row in study["rows"]}
    assert aware == {"expand": False, "keywords_labels": True, "together": True}
    row = study["rows"][-1]
    ours, plain = (
        result.arms[arm]["test_acc"]["values"] for arm in (row["arm"], "plain")
    )
    assert row["lift_plain"] == paired_difference(ours, plain)


def test_a_prompt_alone_is_the_arm_of_the_whole_experiment(
    small_graph, knowing, encode
):
    alone = made(knowing, encode, ["keywords_labels"])
    options = {"split": "file", "seeds": [0, 1], "training": TRAINING}
    whole = run_ellagnn(small_graph, alone, **options)
    result = run(small_graph, made(knowing, encode))
    assert result.arms["keywords_labels"] == whole.arms["ellagnn"]
    at_test = whole.arms["ellagnn_llm_at_test"]
    assert result.arms["keywords_labels_llm_at_test"] == at_test


def test_every_question_is_asked_once_without_a_cache(small_graph, knowing, encode):
    result = run(small_graph, made(knowing, encode))
    # the nodes are the same on both seeds
    assert len(knowing.calls) == 20 * len(PROMPTS)
    rows = {row["prompt"]: row for row in result.details["study"]["rows"]}
    assert rows["expand"]["calls"] == 20
    assert rows["together"]["calls"] == 40
    both = rows["expand"]["tokens"] + rows["keywords_labels"]["tokens"]
    assert (
        rows["together"]["tokens"]
        == both
        == knowing.usage.prompt_tokens + (knowing.usage.completion_tokens)
    )


def test_a_prompt_nobody_can_read_is_as_good_as_none(small_graph, encode):
    llm = ScriptedLLM(lambda r: "star" if r.template == "expand@1" else "")
    version = get_templates(["expand"])[0].id
    assert version == "expand@1"
    result = run(small_graph, made(llm, encode), ["expand", "summarize"])
    rows = {row["arm"]: row for row in result.details["study"]["rows"]}
    assert rows["summarize"]["usable"] == 0
    assert rows["summarize"]["nodes"] == 0
    assert result.arms["summarize"] == result.arms["plain"]
    assert rows["expand"]["usable"] == 1


def test_by_default_the_prompts_of_the_enhancer(small_graph, knowing, encode):
    enhancer = made(knowing, encode, ["expand"])
    result = run(small_graph, enhancer, None)
    assert list(result.arms) == ["plain", "expand", "expand_llm_at_test"]


def test_the_enhancer_stays_as_it_was(small_graph, knowing, encode):
    enhancer = made(knowing, encode)
    before = dict(vars(enhancer))
    run(small_graph, enhancer, x=encode(small_graph.text), seeds=[0])
    assert vars(enhancer) == before


def test_the_same_nodes_for_every_prompt(small_graph, knowing, encode):
    run(small_graph, made(knowing, encode), seeds=[0])
    asked = {}
    for call in knowing.calls:
        asked.setdefault(call.template, set()).add(call.node)
    first, second = asked.values()
    expected = DegreeSelector()(small_graph, 20, None, "all")
    assert first == second == set(expected.tolist())
    assert torch.equal(expected, expected.sort().values)


def test_prompts_that_cannot_be_compared(knowing, encode):
    enhancer = made(knowing, encode)
    with pytest.raises(PromptError, match="no prompts to compare"):
        prompt_families(enhancer, [])
    with pytest.raises(PromptError, match="'expand' is named twice"):
        prompt_families(enhancer, ["expand", "expand"])
    with pytest.raises(PromptError, match="'relevance_filter' adds no words"):
        prompt_families(enhancer, ["relevance_filter"])
    with pytest.raises(UnknownNameError, match="no-such-prompt"):
        prompt_families(enhancer, ["no-such-prompt"])


def test_no_answer_to_any_prompt(small_graph, encode):
    llm = ScriptedLLM(lambda request: "")
    with pytest.raises(LLMError, match="not one usable answer to 40 questions"):
        run(small_graph, made(llm, encode))

import time

import pytest
import torch

from graphllm.enhance import Enhancer
from graphllm.errors import LLMError
from graphllm.experiments.study import (
    Clock,
    KnownScores,
    choose_nodes,
    enhance_nodes,
    only_nodes,
    plain_arm,
    plan_study,
)
from graphllm.llm import CachedLLM
from graphllm.selection import DegreeSelector
from graphllm.testing import ScriptedLLM


@pytest.fixture
def enhancer(knowing, encode):
    return Enhancer(knowing, ["expand"], encode, DegreeSelector(), 10, pool="all")


def test_known_scores_are_cut_like_any_selector(small_graph):
    scores = DegreeSelector().score(small_graph, None)
    nodes = KnownScores(scores)(small_graph, 12, None, "all")
    assert torch.equal(nodes, DegreeSelector()(small_graph, 12, None, "all"))


def test_a_clock_shares_time_out_between_its_stages():
    start = time.perf_counter()
    clock = Clock("a", "b")
    clock.lap("a")
    clock.lap("b")
    clock.lap("a")
    assert list(clock.seconds) == ["a", "b"]
    assert 0 < sum(clock.seconds.values()) <= time.perf_counter() - start


def test_exactly_the_given_nodes_are_asked_about(small_graph, enhancer, encode):
    x = encode(small_graph.text)
    nodes = torch.tensor([3, 50, 7])
    seen = []
    enhanced = enhance_nodes(
        *(small_graph, enhancer, x, nodes, 5), lambda *step: seen.append(step)
    )
    assert enhanced.llm_index.tolist() == [3, 7, 50]
    assert [call.node for call in enhancer.llm.calls] == [3, 7, 50]
    assert seen[-1] == ("ask, seed 5", 3, 3)
    assert isinstance(enhancer.selector, DegreeSelector)


def test_no_usable_answer(small_graph, encode):
    mute = Enhancer(
        ScriptedLLM(lambda r: ""), ["expand"], encode, DegreeSelector(), 2, pool="all"
    )
    x = encode(small_graph.text)
    with pytest.raises(LLMError, match="not one usable answer to 2 questions"):
        enhance_nodes(small_graph, mute, x, torch.tensor([0, 1]), 0)


def test_choosing_and_then_asking_is_what_the_enhancer_does(
    small_graph, enhancer, encode
):
    x = encode(small_graph.text)
    nodes = choose_nodes(small_graph, enhancer, x)
    direct = enhancer.run(small_graph, x)
    assert torch.equal(nodes, direct.llm_index)
    given = only_nodes(enhancer, nodes, x).run(small_graph, x)
    assert torch.equal(given.x_llm, direct.x_llm)
    assert torch.equal(given.edge_weight, direct.edge_weight)


def test_plain_weighs_neighbours_as_the_enhancer_does_without_a_model(
    small_graph, enhancer, encode
):
    x = encode(small_graph.text)
    assert "free_edge_weight" not in plain_arm(small_graph, x, enhancer).data
    enhancer.inference_neighbors = "encoder"
    weight = plain_arm(small_graph, x, enhancer).data.free_edge_weight
    assert torch.equal(weight, enhancer.run(small_graph, x).free_edge_weight)


def test_plain_leaves_the_graph_alone(small_graph, enhancer, encode):
    x = encode(small_graph.text)
    arm = plain_arm(small_graph, x, enhancer)
    assert arm.views == {"plain": False}
    assert arm.data.x is x
    assert small_graph.x is None


def test_the_plan_counts_new_questions(small_graph, enhancer, encode, tmp_path):
    x = encode(small_graph.text)
    enhancer.llm = CachedLLM(enhancer.llm, tmp_path / "answers.sqlite")
    # the same ten nodes on every seed
    assert plan_study(small_graph, enhancer, x, "file", [0, 1]).calls == 10
    enhancer.repair = True
    assert plan_study(small_graph, enhancer, x, "file", [0, 1]).calls == 20
    enhancer.repair = False
    enhancer.run(small_graph, x)
    assert plan_study(small_graph, enhancer, x, "file", [0]).calls == 0

import json

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import RandomLinkSplit

from graphllm.enhance import Asker, Enhancer, HybridNeighbors, JudgeNeighbors
from graphllm.errors import LLMError, PromptError
from graphllm.llm import CachedLLM, LlamaCppLLM
from graphllm.prompts import catalog, get_templates
from graphllm.selection import DegreeSelector, RandomSelector
from graphllm.testing import ScriptedLLM, sbm_text_graph


def star(leaves=4, extra=()):
    """Node 0 listens to nodes 1 to 4; texts tell who is who."""
    edges = [(j, 0) for j in range(1, leaves + 1)] + list(extra)
    return Data(
        edge_index=torch.tensor(edges).t(),
        text=[f"leaf {j}" for j in range(leaves + 1)],
        num_nodes=leaves + 1,
    )


def naming(*wanted):
    """A judge that names the neighbours with these texts, whatever their number."""

    def answer(request):
        lines = request.messages[-1].content.splitlines()
        numbered = [line.partition(". ") for line in lines if line[:1].isdecimal()]
        return json.dumps([int(n) for n, _, t in numbered if t.strip('"') in wanted])

    return ScriptedLLM(answer)


def choose(rule, data, llm=None, nodes=(0,), seed=0):
    index = torch.tensor(nodes)
    x = torch.ones(data.num_nodes, 2, dtype=torch.float64)
    asker = None if llm is None else Asker(llm, seed=seed)
    return rule(data, x, x[index], index, asker)


def test_weights_and_mask_by_hand():
    chosen = choose(JudgeNeighbors(refused=0.2), star(), naming("leaf 2", "leaf 3"))
    # 1 for two, 0.2 for two: mean 0.6
    expected = torch.tensor([0.2, 1, 1, 0.2], dtype=torch.float64) / 0.6
    torch.testing.assert_close(chosen.edge_weight, expected)
    assert chosen.keep_edge.tolist() == [False, True, True, False]
    (answer,) = chosen.answers
    assert (answer.node, answer.ok, answer.error) == (0, True, None)
    assert answer.template == JudgeNeighbors().template.id
    assert sorted(answer.chosen) == [2, 3]
    assert (answer.text, answer.parts) == ("", ())


def test_all_edges_can_stay():
    chosen = choose(JudgeNeighbors(keep=True), star(), naming("leaf 1"))
    assert chosen.keep_edge is None
    assert float(chosen.edge_weight.max()) > 1


@pytest.mark.parametrize(
    "llm",
    [
        ScriptedLLM(lambda r: "[]"),
        ScriptedLLM(lambda r: "[1, 2, 3, 4]"),
        ScriptedLLM(lambda r: "they are all nice"),
        ScriptedLLM(lambda r: "", fail=lambda r: "server said no"),
    ],
    ids=["none", "all", "broken", "failed"],
)
def test_what_tells_nothing_leaves_the_neighbourhood_whole(llm):
    chosen = choose(JudgeNeighbors(), star(), llm)
    assert torch.equal(chosen.edge_weight, torch.ones(4, dtype=torch.float64))
    assert bool(chosen.keep_edge.all())
    assert len(chosen.answers) == 1


def test_directions_are_apart_and_other_nodes_untouched():
    data = star(extra=[(0, 1), (0, 2), (3, 2)])
    llm = naming("leaf 3")
    chosen = choose(JudgeNeighbors(), data, llm)
    assert chosen.keep_edge.tolist() == [False, False, True, False] + [True] * 3
    assert chosen.edge_weight[4:].tolist() == [1.0] * 3
    # node 2 listens to 0 and 3, node 1 to one node: nothing to choose
    chosen = choose(JudgeNeighbors(), data, llm, nodes=(1, 2))
    assert [answer.node for answer in chosen.answers] == [2]
    assert chosen.keep_edge.tolist() == [True] * 5 + [False, True]


def test_neighbours_that_were_not_shown_are_neutral():
    chosen = choose(JudgeNeighbors(num_neighbors=2), star(9), naming("leaf 1"), seed=3)
    shown = (
        choose(
            JudgeNeighbors(num_neighbors=2),
            star(9),
            naming(*(f"leaf {j}" for j in range(10))),
            seed=3,
        )
        .answers[0]
        .chosen
    )
    assert len(shown) == 2
    hidden = torch.tensor([j not in shown for j in range(1, 10)])
    assert bool(chosen.keep_edge[hidden].all())
    assert chosen.edge_weight[hidden].tolist() == [1.0] * 7
    torch.testing.assert_close(float(chosen.edge_weight.mean()), 1.0)


def test_parallel_edges_and_loops():
    data = star(extra=[(0, 0), (2, 0)])
    chosen = choose(JudgeNeighbors(), data, naming("leaf 2"))
    assert chosen.keep_edge.tolist() == [False, True, False, False, True, True]
    assert chosen.edge_weight[1] == chosen.edge_weight[5]
    assert chosen.edge_weight[4] == 1.0
    torch.testing.assert_close(float(chosen.edge_weight.mean()), 1.0)


def test_nodes_without_text_neither_ask_nor_show():
    data = star()
    data.text[1] = "  "
    llm = naming("leaf 2")
    chosen = choose(JudgeNeighbors(), data, llm)
    assert chosen.keep_edge.tolist() == [True, True, False, False]
    assert '1. ""' not in llm.calls[0].messages[-1].content
    data.text[0] = ""
    assert choose(JudgeNeighbors(), data, llm).answers == []


def test_the_snippets_are_cut():
    data = star()
    data.text[3] = "word " * 1000
    llm = naming("leaf 2")
    choose(JudgeNeighbors(max_chars=30), data, llm)
    assert llm.calls[0].messages[-1].content.count("word") <= 7


def test_there_is_room_to_name_everyone():
    llm = naming()
    choose(JudgeNeighbors(num_neighbors=40), star(30), llm)
    assert llm.calls[0].max_new_tokens >= len(str(list(range(1, 31)))) * 2 // 3
    choose(JudgeNeighbors(), star(2), llm)
    assert llm.calls[1].max_new_tokens == JudgeNeighbors().template.max_new_tokens


def test_a_judge_of_its_own_and_nobody_at_all():
    own, other = naming("leaf 1"), naming("leaf 2")
    chosen = choose(JudgeNeighbors(own), star(), other)
    assert chosen.answers[0].chosen == (1,)
    assert other.calls == []
    assert choose(JudgeNeighbors(own), star()).answers[0].chosen == (1,)
    with pytest.raises(LLMError, match="nobody to judge"):
        choose(JudgeNeighbors(), star())


def test_a_broken_answer_is_repaired_once_where_asked_for():
    replies = iter(["well", "[1]", "well", "well"])
    llm = ScriptedLLM(lambda r: next(replies))
    x = torch.ones(5, 2)
    for whole in (False, True):
        chosen = JudgeNeighbors()(
            star(), x, x[:1], torch.tensor([0]), Asker(llm, repair=True)
        )
        assert bool(chosen.keep_edge.all()) == whole
    assert len(llm.calls) == 4


def test_the_questions_of_a_plan_are_those_asked(sbm):
    llm = ScriptedLLM(lambda r: "[1]" if "relevance" in r.template else "galaxy")
    made = Enhancer(
        llm,
        ["expand", "summarize"],
        lambda texts: torch.ones(len(texts), 3),
        DegreeSelector(),
        6,
        pool="all",
        neighbors=JudgeNeighbors(),
    )
    plan = made.plan(sbm)
    assert plan.estimate.calls == 18
    done = made.run(sbm)
    assert [q.request for q in plan.questions] == llm.calls
    assert sum(a.chosen is not None for a in done.provenance) == 6


def test_the_same_questions_in_every_selection_and_from_the_cache(sbm, tmp_path):
    inner = ScriptedLLM(lambda r: "[1]" if "relevance" in r.template else "galaxy")
    llm = CachedLLM(inner, tmp_path / "answers.sqlite")

    def run(budget):
        return Enhancer(
            llm,
            ["expand"],
            lambda texts: torch.ones(len(texts), 3),
            DegreeSelector(),
            budget,
            pool="all",
            neighbors=JudgeNeighbors(),
        ).run(sbm)

    run(10)
    asked = len(inner.calls)
    run(4)
    assert len(inner.calls) == asked == 20


def canary_graph(seed):
    """One class a node; every text and every class name tells its node."""
    data = sbm_text_graph(40, seed=seed)
    data.y = torch.arange(40)
    data.label_names = [f"canary{i:02d}" for i in range(40)]
    data.text = [f"text{i:02d} about nothing" for i in range(40)]
    return data


def every_prompt(data, rule, neighbor_labels):
    llm = ScriptedLLM(lambda r: "[1]" if "relevance" in r.template else "galaxy")
    Enhancer(
        llm,
        [name for name, t in catalog().items() if t.enriches and name != "repair"],
        lambda texts: torch.ones(len(texts), 3),
        RandomSelector(),
        1.0,
        pool="all",
        neighbors=rule,
        neighbor_labels=neighbor_labels,
    ).run(data)
    return llm.calls


RULES = [JudgeNeighbors(), HybridNeighbors(k=1)]
RULE_NAMES = ["judge", "hybrid"]


# Guard 5: no label of a test node, nor a node's own, reaches a prompt.
@pytest.mark.parametrize("neighbor_labels", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=RULE_NAMES)
def test_no_hidden_label_reaches_a_prompt(rule, neighbor_labels):
    data = canary_graph(0)
    calls = every_prompt(data, rule, neighbor_labels)
    train = set(data.train_mask.nonzero().view(-1).tolist())
    assert any("relevance" in call.template for call in calls)
    told_at_all = 0
    for call in calls:
        for message in call.messages:
            # The list of all class names is the same for every node.
            rest = message.content
            for separator in (", ", "; "):
                rest = rest.replace(separator.join(data.label_names), "")
            told = {i for i in range(40) if f"canary{i:02d}" in rest}
            assert told <= train - {call.node}
            assert not told or neighbor_labels
            assert "relevance" not in call.template or not told
            told_at_all += len(told)
    assert (told_at_all > 0) == neighbor_labels
    changed = canary_graph(0)
    hidden = (~data.train_mask).nonzero().view(-1)
    changed.y[hidden] = data.y[hidden].roll(1)
    assert every_prompt(changed, rule, neighbor_labels) == calls


# Guard 5: a link that is held out shows in neither direction.
@pytest.mark.parametrize("rule", RULES, ids=RULE_NAMES)
def test_no_held_out_edge_reaches_a_prompt(rule):
    data = canary_graph(1)
    split = RandomLinkSplit(num_val=0.2, num_test=0.2, is_undirected=True)
    seen, _, test = split(data)
    held_out = test.edge_label_index[:, test.edge_label == 1].t().tolist()
    assert len(held_out) > 5
    shown = set()
    for call in every_prompt(seen, rule, neighbor_labels=False):
        content = call.messages[-1].content
        shown |= {(call.node, j) for j in range(40) if f"text{j:02d}" in content}
    links = {pair for i, j in held_out for pair in ((i, j), (j, i))}
    assert not links & shown
    visible = set(map(tuple, seen.edge_index.t().tolist()))
    assert {pair for pair in shown if pair[0] != pair[1]} <= visible
    assert visible & shown


@pytest.mark.slow
def test_smollm2_as_judge(tmp_path):
    """Whatever a small model answers, neighbourhoods stay sound and answers stored."""
    pytest.importorskip("xllamacpp")
    data = Data(
        edge_index=torch.tensor([[1, 2, 3, 0, 2], [0, 0, 0, 1, 1]]),
        text=[
            "Baking bread at home",
            "Sourdough for beginners",
            "The rings of Saturn",
            "Which flour for which dough",
        ],
        num_nodes=4,
    )
    path = tmp_path / "answers.sqlite"
    with LlamaCppLLM("smollm2", n_ctx=512, n_parallel=1, n_threads=1) as inner:
        llm = CachedLLM(inner, path)
        chosen = choose(JudgeNeighbors(), data, llm, nodes=(0, 1))
        assert inner.usage.calls == 2
        again = choose(JudgeNeighbors(), data, CachedLLM(inner, path), nodes=(0, 1))
        assert inner.usage.calls == 2
    assert again.answers == chosen.answers
    assert torch.equal(again.edge_weight, chosen.edge_weight)
    neighbors = {0: {1, 2, 3}, 1: {0, 2}}
    for answer in chosen.answers:
        assert answer.error is None
        assert answer.raw.strip()
        assert answer.ok == (answer.chosen is not None)
        assert set(answer.chosen or ()) <= neighbors[answer.node]
        into = data.edge_index[1] == answer.node
        stay = set(data.edge_index[0, into & chosen.keep_edge].tolist())
        assert stay == (set(answer.chosen or ()) or neighbors[answer.node])
        assert abs(float(chosen.edge_weight[into].mean()) - 1) < 1e-6


def test_bad_arguments():
    with pytest.raises(PromptError, match="'expand' does not choose"):
        JudgeNeighbors(template=get_templates(["expand"])[0])
    with pytest.raises(PromptError, match="'neighbor_summary' does not choose"):
        HybridNeighbors(template=get_templates(["neighbor_summary"])[0])
    with pytest.raises(ValueError, match="at least 2"):
        JudgeNeighbors(num_neighbors=1)
    for refused in (0.0, 1.5):
        with pytest.raises(ValueError, match=r"'refused' must be in \(0, 1\]"):
            JudgeNeighbors(refused=refused)

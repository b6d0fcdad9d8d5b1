import pytest
import torch
import torch.nn.functional as F

from graphllm.enhance import Enhancer, JudgeNeighbors, attach, inference_weights
from graphllm.errors import BudgetError, PromptError, TextGraphError, UnknownNameError
from graphllm.selection import DegreeSelector, RandomSelector
from graphllm.testing import ScriptedLLM

WORDS = "star orbit galaxy telescope comet oven flour butter recipe mast rudder keel".split()


def bag_of_words(texts):
    """A transparent encoder: one column a word, rows of length one."""
    rows = torch.tensor([[float(w in t.split()) for w in WORDS] + [0.1] for t in texts])
    return F.normalize(rows.view(len(texts), -1), dim=-1) if texts else rows.view(0, 13)


def enhancer(llm, **options):
    defaults = {"budget": 4, "pool": "all", "selector": DegreeSelector()}
    options = {**defaults, **options}
    selector, budget = options.pop("selector"), options.pop("budget")
    return Enhancer(llm, ["expand"], bag_of_words, selector, budget, **options)


def test_run_attaches_what_it_says(sbm):
    data = enhancer(ScriptedLLM(lambda request: "galaxy comet")).run(sbm)
    assert torch.equal(data.x, bag_of_words(sbm.text))
    assert data.llm_index.tolist() == sorted(data.llm_index.tolist())
    assert data.llm_mask.nonzero().view(-1).tolist() == data.llm_index.tolist()
    assert data.x_llm.shape == data.x_answer.shape == (4, 13)
    assert data.edge_weight.shape == (sbm.num_edges,)
    assert [a.node for a in data.provenance] == data.llm_index.tolist()
    assert {a.template.split("@")[0] for a in data.provenance} == {"expand"}
    assert all(a.raw == "galaxy comet" and a.ok for a in data.provenance)
    # the caller's graph is untouched
    assert "x" not in sbm
    assert "x_llm" not in sbm


def test_enhanced_features_by_hand(sbm):
    data = enhancer(ScriptedLLM(lambda r: "galaxy"), answer_weight=0.25).run(sbm)
    answer = bag_of_words(["galaxy"])[0]
    for node, row in zip(data.llm_index, data.x_llm, strict=True):
        expected = F.normalize(0.75 * data.x[node] + 0.25 * answer, dim=0)
        assert torch.allclose(row, expected * data.x[node].norm(), atol=1e-6)


@pytest.mark.parametrize(("weight", "kept"), [(0.0, "x"), (1.0, "x_answer")])
def test_answer_weight_ends(weight, kept, sbm):
    data = enhancer(ScriptedLLM(lambda r: "galaxy"), answer_weight=weight).run(sbm)
    rows = data.x[data.llm_index] if kept == "x" else data.x_answer
    assert torch.allclose(data.x_llm, rows, atol=1e-6)


def test_several_prompts_are_averaged(sbm):
    llm = ScriptedLLM(lambda r: "galaxy" if r.template.startswith("expand") else "oven")
    made = Enhancer(
        llm, ["expand", "summarize"], bag_of_words, DegreeSelector(), 3, pool="all"
    ).run(sbm)
    expected = bag_of_words(["galaxy", "oven"]).mean(0)
    assert torch.allclose(made.x_answer, expected.expand(3, -1), atol=1e-6)
    assert len(made.provenance) == 6


def test_each_prompt_is_a_view(sbm):
    def answer(request):
        if request.template.startswith("expand"):
            return "galaxy"
        return "oven" if request.node % 2 else ""

    made = Enhancer(
        ScriptedLLM(answer),
        ["summarize", "expand"],
        bag_of_words,
        RandomSelector(),
        8,
        pool="all",
        answer_weight=0.25,
    ).run(sbm)
    assert made.x_views.shape == (8, 2, 13)
    odd = made.llm_index % 2 == 1
    assert torch.equal(made.view_mask, torch.stack([odd, odd | True], dim=1))
    for row, node in enumerate(made.llm_index):
        for prompt, word in enumerate(["oven", "galaxy"]):
            if not made.view_mask[row, prompt]:
                expected = made.x[node]
            else:
                mixed = 0.75 * made.x[node] + 0.25 * bag_of_words([word])[0]
                expected = F.normalize(mixed, dim=0) * made.x[node].norm()
            torch.testing.assert_close(made.x_views[row, prompt], expected)
    single = enhancer(ScriptedLLM(answer)).run(sbm)
    assert not {"x_views", "view_mask", "x_answers"} & set(single.keys())


def test_without_neighbourhoods_nothing_weighs(sbm):
    sbm.edge_weight = torch.rand(sbm.num_edges)
    data = enhancer(ScriptedLLM(lambda r: "galaxy"), neighbors=None).run(sbm)
    assert not {"edge_weight", "keep_edge", "free_edge_weight"} & set(data.keys())
    assert "edge_weight" in sbm


def test_encoder_weights_stand_wherever_nobody_was_asked(sbm):
    llm = ScriptedLLM(lambda r: "galaxy")
    free = enhancer(llm, inference_neighbors="encoder").run(sbm)
    plain = enhancer(llm).run(sbm)
    assert "free_edge_weight" not in plain
    expected = inference_weights(sbm, free.x, "encoder")
    assert torch.equal(free.free_edge_weight, expected)
    into = free.llm_mask[sbm.edge_index[1]]
    assert torch.equal(free.edge_weight[into], plain.edge_weight[into])
    assert torch.equal(free.edge_weight[~into], expected[~into])
    neither = enhancer(llm, inference_neighbors="encoder", neighbors=None).run(sbm)
    assert torch.equal(neither.edge_weight, expected)


def test_training_labels_of_neighbours_are_told_where_asked_for(sbm):
    def asked(neighbor_labels):
        llm = ScriptedLLM(lambda r: "galaxy")
        Enhancer(
            llm,
            ["neighbor_summary_labels"],
            bag_of_words,
            DegreeSelector(),
            9,
            pool="all",
            neighbor_labels=neighbor_labels,
        ).run(sbm)
        return [call.messages[-1].content.count("(category: ") for call in llm.calls]

    assert sum(asked(False)) == 0
    assert sum(asked(True)) > 0


def test_ranked_answers_are_weighed(sbm):
    llm = ScriptedLLM(lambda r: '["cooking", "sailing"]')

    def encode(texts):
        names = ["cooking", "sailing", *sbm.text]
        return torch.tensor([[float(t == n) for n in names[:2]] for t in texts]).view(
            -1, 2
        )

    made = Enhancer(llm, ["rank_labels"], encode, DegreeSelector(), 3, pool="all")
    x = torch.ones(60, 2)
    # first place counts twice as much as the second
    expected = torch.tensor([[2 / 3, 1 / 3]]).expand(3, -1)
    assert torch.allclose(made.run(sbm, x).x_answer, expected)


def test_plan_asks_nothing_and_counts(sbm):
    llm = ScriptedLLM(lambda r: "galaxy")
    plan = enhancer(llm).plan(sbm)
    assert plan.nodes.numel() == 4
    assert plan.estimate.calls == 4
    assert llm.calls == []
    assert str(plan).startswith("4 nodes: ")


def test_the_plan_is_what_the_run_does(sbm):
    llm = ScriptedLLM(lambda r: "galaxy")
    planned = enhancer(llm).plan(sbm)
    done = enhancer(llm).run(sbm)
    assert planned.nodes.tolist() == done.llm_index.tolist()
    assert [q.request for q in planned.questions] == llm.calls


def test_a_failed_answer_leaves_its_node_plain(sbm):
    from graphllm.llm import Completion

    class Half(ScriptedLLM):
        def stream(self, requests):
            for i, answer in super().stream(requests):
                yield i, Completion.failed("server said no") if i % 2 else answer

    data = enhancer(Half(lambda r: "galaxy")).run(sbm)
    assert data.llm_index.numel() == 2
    assert len(data.provenance) == 4
    assert [a.error for a in data.provenance] == [None, "server said no"] * 2
    plain = enhancer(ScriptedLLM(lambda r: "galaxy")).run(sbm)
    assert not set(data.llm_index.tolist()) - set(plain.llm_index.tolist())


def test_no_usable_answer_at_all(sbm):
    data = enhancer(ScriptedLLM(lambda r: "")).run(sbm)
    assert data.llm_index.numel() == 0
    assert data.x_llm.shape == (0, 13)
    assert not bool(data.llm_mask.any())
    assert torch.equal(data.edge_weight, torch.ones(sbm.num_edges))


def test_plain_features_can_be_given(sbm):
    x = torch.randn(60, 13)
    assert torch.equal(enhancer(ScriptedLLM(lambda r: "oven")).run(sbm, x).x, x)


def test_isolated_nodes_are_not_asked_about_neighbours(sbm):
    lonely = int(sbm.num_nodes) - 1
    keep = (sbm.edge_index != lonely).all(0)
    sbm.edge_index = sbm.edge_index[:, keep]
    llm = ScriptedLLM(lambda r: "galaxy")
    made = Enhancer(
        llm, ["neighbor_summary"], bag_of_words, RandomSelector(), 1.0, pool="all"
    ).run(sbm)
    asked = {request.node for request in llm.calls}
    assert lonely not in asked
    assert lonely not in made.llm_index.tolist()
    assert len(asked) == len({int(n) for n in sbm.edge_index.unique()})


def test_nodes_without_text_are_not_asked_about_it(sbm):
    sbm.text = ["", "   ", *sbm.text[2:]]
    llm = ScriptedLLM(lambda r: "galaxy")
    made = enhancer(llm, budget=1.0).run(sbm)
    assert {r.node for r in llm.calls} == set(range(2, 60))
    assert made.llm_index.tolist() == list(range(2, 60))


def test_a_node_without_plain_features_still_gets_its_answer(sbm):
    x = torch.randn(60, 13)
    x[3] = 0
    answer = torch.randn(1, 13)
    data = attach(sbm, x, torch.tensor([3]), answer, [], 0.5)
    assert torch.allclose(data.x_llm, answer, atol=1e-6)


def test_progress_counts_up(sbm):
    seen = []
    enhancer(ScriptedLLM(lambda r: "oven")).run(
        sbm, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    seen.clear()
    judge = JudgeNeighbors(ScriptedLLM(lambda r: "[1]"))
    enhancer(ScriptedLLM(lambda r: "oven"), neighbors=judge).run(
        sbm, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(i, 4 if i < 5 else 8) for i in range(1, 9)]


def test_labels_play_no_part_in_what_is_asked(sbm):
    llm = ScriptedLLM(lambda r: "galaxy")
    made = Enhancer(
        llm,
        ["expand", "rank_labels", "neighbor_summary"],
        bag_of_words,
        RandomSelector(),
        10,
        pool="all",
    )
    made.run(sbm)
    first, llm.calls[:] = list(llm.calls), []
    sbm.y = (sbm.y + 1) % 3
    made.run(sbm)
    assert llm.calls == first


def test_attach_sits_on_the_features_device_and_dtype(sbm):
    x = torch.randn(60, 3, dtype=torch.float64)
    data = attach(sbm, x, torch.tensor([5]), x[5:6] + 1, [])
    assert data.x_llm.dtype == torch.float64
    assert torch.allclose(data.x_llm.norm(dim=-1), x[5:6].norm(dim=-1))


def test_clear_errors(sbm):
    llm = ScriptedLLM(lambda r: "x")
    with pytest.raises(PromptError, match="no prompts"):
        Enhancer(llm, [], bag_of_words, DegreeSelector(), 1)
    with pytest.raises(UnknownNameError, match="expandd"):
        Enhancer(llm, ["expandd"], bag_of_words, DegreeSelector(), 1)
    with pytest.raises(PromptError, match="'expand@1' is given twice"):
        Enhancer(llm, ["expand", "expand"], bag_of_words, DegreeSelector(), 1)
    with pytest.raises(UnknownNameError, match="inference_neighbors 'encode'"):
        enhancer(llm, inference_neighbors="encode")
    with pytest.raises(ValueError, match="answer_weight"):
        Enhancer(llm, ["expand"], bag_of_words, DegreeSelector(), 1, answer_weight=2)
    with pytest.raises(BudgetError, match=r"\[1, 60\] as a count \(got 61\)"):
        enhancer(llm, budget=61).run(sbm)
    del sbm.text
    with pytest.raises(TextGraphError, match="no text"):
        enhancer(llm).run(sbm)

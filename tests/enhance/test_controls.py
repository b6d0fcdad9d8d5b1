import torch

from graphllm.enhance import (
    Enhancer,
    JudgeNeighbors,
    OracleLLM,
    SimilarityNeighbors,
    attach,
    oracle_template,
    shuffle_answers,
)
from graphllm.llm import Message, Request
from graphllm.selection import DegreeSelector
from graphllm.testing import ScriptedLLM


def test_nobody_keeps_their_own_answer(sbm):
    x, answers = torch.randn(60, 4), torch.arange(28.0).view(7, 4)
    index = torch.tensor([1, 5, 9, 20, 33, 40, 59])
    data = attach(sbm, x, index, answers, [], 0.5)
    for seed in range(20):
        shuffled = shuffle_answers(data, 0.5, seed)
        same = (shuffled.x_answer == data.x_answer).all(-1)
        assert not bool(same.any())
        assert shuffled.x_answer.sort(0).values.equal(data.x_answer)
        assert torch.equal(shuffled.llm_index, data.llm_index)
        assert torch.equal(shuffled.x, data.x)
    assert torch.equal(data.x_answer, answers)


def test_shuffling_is_seeded(sbm):
    data = attach(sbm, torch.randn(60, 4), torch.arange(30), torch.randn(30, 4), [])
    one, same, other = (shuffle_answers(data, 0.5, s).x_answer for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def encode(texts):
    return torch.tensor([[float(len(t)), 1.0 + t.count("e")] for t in texts])


def enhance(data, neighbors, prompts=("expand",), **options):
    def answer(request):
        if request.template.startswith("relevance"):
            return "[1]"
        return "e" * (request.node + 1 + len(request.template))

    llm = ScriptedLLM(answer)
    options = {"pool": "all", "neighbors": neighbors, **options}
    return Enhancer(llm, prompts, encode, DegreeSelector(), 9, **options).run(data)


def test_views_move_with_their_answers(sbm):
    data = enhance(sbm, None, ["expand", "summarize"])
    data.view_mask[3, 1] = False
    shuffled = shuffle_answers(data, 0.5, 1, None)
    for row in range(9):
        source = (data.x_answer == shuffled.x_answer[row]).all(-1).nonzero().item()
        assert source != row
        assert torch.equal(shuffled.x_answers[row], data.x_answers[source])
        assert torch.equal(shuffled.view_mask[row], data.view_mask[source])
        assert not torch.equal(shuffled.x_views[row], data.x_views[source])
    assert "edge_weight" not in shuffled


def test_similar_neighbours_follow_the_wrong_answers(sbm):
    rule = SimilarityNeighbors(temperature=0.7, keep=2)
    shuffled = shuffle_answers(enhance(sbm, rule), 0.5, 1, rule)
    expected = rule(shuffled, shuffled.x, shuffled.x_llm, shuffled.llm_index)
    assert torch.equal(shuffled.edge_weight, expected.edge_weight)
    assert torch.equal(shuffled.keep_edge, expected.keep_edge)


def test_judged_neighbourhoods_are_dealt_anew(sbm):
    data = enhance(sbm, JudgeNeighbors(), inference_neighbors="encoder")
    shuffled = shuffle_answers(data, 0.5, 1, JudgeNeighbors())
    target = sbm.edge_index[1]
    moved = False
    for node in data.llm_index.tolist():
        into = target == node
        before, after = (
            sorted(
                zip(
                    d.edge_weight[into].tolist(),
                    d.keep_edge[into].tolist(),
                    strict=True,
                )
            )
            for d in (data, shuffled)
        )
        assert before == after
        moved |= not torch.equal(data.edge_weight[into], shuffled.edge_weight[into])
    assert moved
    outside = ~data.llm_mask[target]
    assert torch.equal(data.edge_weight[outside], shuffled.edge_weight[outside])
    assert torch.equal(data.free_edge_weight, shuffled.free_edge_weight)
    assert bool(shuffled.keep_edge[outside].all())


def test_the_oracle_answers_with_the_full_text(sbm):
    seen = []

    def encode(texts):
        seen.append(texts)
        return torch.ones(len(texts), 2)

    made = Enhancer(
        OracleLLM(sbm.full_text),
        [oracle_template()],
        encode,
        DegreeSelector(),
        5,
        pool="all",
    ).run(sbm)
    assert seen[1] == [sbm.full_text[i] for i in made.llm_index]


def test_the_oracle_needs_to_know_the_node():
    answer = OracleLLM(["a"]).complete([Request((Message("user", "?"),))])[0]
    assert not answer.ok
    assert "Request.node" in answer.error

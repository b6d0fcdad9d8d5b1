import torch

from graphllm.enhance import (
    Enhancer,
    OracleLLM,
    attach,
    oracle_template,
    shuffle_answers,
)
from graphllm.llm import Message, Request
from graphllm.selection import DegreeSelector


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

import pytest
import torch

from graphllm.experiments.llaga import node_questions, score_questions
from graphllm.experiments.llaga.explanations import explanations
from graphllm.graph_tokens import HopField
from graphllm.models.llaga import LLaGA
from graphllm.prompts.graph_prompt import classification_prompt


@pytest.fixture
def asked(graph, x):
    tokens = HopField(2).bind(x, graph.edge_index)
    prompt = classification_prompt(graph.label_names)
    return node_questions(graph, torch.arange(10), prompt, tokens)


@pytest.fixture
def model(llm, x):
    return LLaGA(llm.model, llm.tokenizer, HopField(2), x.size(1))


def test_the_surest_right_and_wrong_ones(model, asked):
    scores = score_questions(model, asked)
    found = explanations(model, asked, scores, count=4)
    sure, answer = scores.softmax(1).max(1)
    right = answer == asked.target
    assert 2 <= int(right.sum()) <= 8
    told = [(f["items"], f["answer"], f["truth"]) for f in found]
    expected = []
    for among in (right, ~right):
        rows = among.nonzero().view(-1)
        for row in rows[sure[rows].argsort(descending=True)][:2].tolist():
            said = asked.prompt.candidates[int(answer[row])]
            expected.append(([row], said, asked.answers[row]))
            place = len(expected) - 1
            assert found[place]["probability"] == pytest.approx(float(sure[row]), 1e-3)
    assert told == expected
    for each in found:
        assert each["nodes"] == [each["items"] * 3]
        assert len(each["attribution"][0]) == 3
        assert each["template"] == HopField(2).spec()


def test_fewer_wrong_answers_than_asked_for(model, asked):
    scores = torch.full((10, 3), -1.0)
    scores[torch.arange(10), asked.target] = 0.0
    found = explanations(model, asked, scores)
    assert len(found) == 2
    assert explanations(model, asked, -scores, count=2)[0]["items"]

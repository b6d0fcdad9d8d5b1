import pytest
import torch

from graphllm.errors import PromptError
from graphllm.models.llaga import explain
from graphllm.prompts import (
    GraphPrompt,
    classification_prompt,
    link_prompt,
    text_only,
    with_text,
)

NAMES = ["theory", "x, y", "rules"]
PROMPT = classification_prompt(NAMES)


@pytest.fixture
def model(kit):
    return kit.build().eval()


@pytest.fixture
def tokens(kit):
    return [kit.graph_tokens([3])]


def test_input_times_gradient_by_hand(kit, model, tokens):
    graphs = model.project(tokens).detach()[:3].requires_grad_()
    words = model.llm.get_input_embeddings()
    at = kit.question_vectors(model, PROMPT, tokens, 0).size(1) - 3
    question = kit.question_vectors(model, PROMPT, tokens, 0).detach()
    assert torch.equal(question[0, at:], graphs)  # the graph stands last
    scores = {}
    for name in NAMES:
        ids = kit.answer_ids(model.tokenizer, name)
        parts = [question[0, :at], graphs, words(torch.tensor(ids))]
        logits = model.llm(inputs_embeds=torch.cat(parts).unsqueeze(0)).logits[0]
        logp = logits[at + 2 : -1].log_softmax(-1)
        scores[name] = logp[torch.arange(len(ids)), torch.tensor(ids)].sum()
    others = scores["theory"].exp() + scores["rules"].exp()
    (slope,) = torch.autograd.grad(scores["x, y"] - others.log(), graphs)
    found = explain(model, PROMPT, tokens, "x, y")
    wanted = (graphs.detach() * slope).sum(-1)
    torch.testing.assert_close(found.attribution[0][:3], wanted, rtol=1e-4, atol=1e-5)
    assert wanted.abs().min() > 1e-4


@pytest.mark.parametrize("pad_mode", ["mask", "zero", "pe"])
def test_the_sum_is_the_slope_along_the_ray(kit, pad_mode):
    model = kit.build(pad_mode=pad_mode).eval().double()
    tokens = [kit.graph_tokens([3])]
    graphs = model.project(tokens).detach()
    at = []
    for scale in (1 + 1e-2, 1 - 1e-2):
        scores = model.score_projected(PROMPT, tokens, scale * graphs, NAMES)[0][0]
        at.append(scores[1] - scores[[0, 2]].logsumexp(0))
    found = explain(model, PROMPT, tokens, "x, y")
    slope = float((at[0] - at[1]).detach()) / 2e-2
    assert float(found.attribution[0].sum()) == pytest.approx(slope, rel=1e-2, abs=1e-3)
    pad = float(found.attribution[0][3])
    assert (pad == 0.0) == (pad_mode != "pe")


def test_the_answer_is_the_likeliest(model, tokens):
    scores = model.score(PROMPT, tokens)[0].detach()
    found = explain(model, PROMPT, tokens)
    assert found.answer == NAMES[int(scores.argmax())]
    assert found.probability == pytest.approx(float(scores.softmax(0).max()))
    other = next(name for name in NAMES if name != found.answer)
    asked = explain(model, PROMPT, tokens, other)
    assert asked.answer == other
    assert asked.probability < found.probability
    assert not torch.allclose(asked.attribution[0], found.attribution[0])


def test_one_candidate_is_explained_by_its_own_score(model, tokens):
    alone = classification_prompt(["theory"])
    found = explain(model, alone, tokens)
    assert found.probability == 1.0
    assert found.attribution[0][:3].abs().min() > 0


def test_a_pair(kit, model):
    tokens = [kit.graph_tokens([3]), kit.graph_tokens([5], 5, seed=1)]
    found = explain(model, link_prompt(), tokens)
    assert [len(each) for each in found.attribution] == [4, 5]
    assert found.nodes[0].tolist() == [0, 1, 2, -1]
    assert found.attribution[0][3] == 0
    assert all((each[:3] != 0).all() for each in found.attribution)


def test_a_prompt_that_quotes_the_text(model, tokens):
    one, two = (
        explain(model, with_text(PROMPT), tokens, "rules", text)
        for text in ("a", "papers of theory")
    )
    assert not torch.allclose(one.attribution[0], two.attribution[0])
    with pytest.raises(PromptError, match="quotes the nodes' texts"):
        explain(model, with_text(PROMPT), tokens)


def test_it_leaves_the_model_alone(model, tokens):
    with torch.no_grad():
        explain(model, PROMPT, tokens)
    assert all(each.grad is None for each in model.parameters())
    assert not model.training


def test_errors(kit, model, tokens):
    with pytest.raises(PromptError, match="one question about a graph at a time"):
        explain(model, PROMPT, [kit.graph_tokens([1, 1])])
    with pytest.raises(PromptError, match="one question about a graph at a time"):
        explain(model, text_only(PROMPT), [], text="a")
    with pytest.raises(PromptError, match="'z' is no candidate of prompt 'nc'"):
        explain(model, PROMPT, tokens, "z")
    with pytest.raises(PromptError, match="'o' has no candidates"):
        explain(model, GraphPrompt("o", "", "Say it.", "<graph>"), tokens)

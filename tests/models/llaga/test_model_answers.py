"""What a LLaGA answers, and what it refuses."""

import pytest
import torch

from graphllm.errors import LLMError, PromptError
from graphllm.prompts import (
    GraphPrompt,
    classification_prompt,
    link_prompt,
    text_only,
    with_text,
)

# Commas and a place in names must not matter.
NAMES = ["theory", "rule learning, and more", "x, y", "genetic algorithms"]
ANSWERS = ["x, y", "theory", "genetic algorithms", "rule learning, and more"]
LENGTHS = [4, 1, 3, 2]


@pytest.fixture(scope="module")
def prompt():
    return classification_prompt(NAMES)


@pytest.fixture
def tokens(kit):
    return [kit.graph_tokens(LENGTHS)]


# --------------------------------------------------------- scores and free answers


def test_scores_equal_one_plain_forward_a_candidate(kit, kind, prompt, tokens):
    model = kit.build(kind).eval()
    parts = [
        [kit.log_likelihood(model, prompt, tokens, row, name) for name in NAMES]
        for row in range(len(LENGTHS))
    ]
    total = torch.tensor([[float(p.detach().sum()) for p in row] for row in parts])
    mean = torch.tensor([[float(p.detach().mean()) for p in row] for row in parts])
    for share in (True, False):
        model.share_prefix = share
        found = model.score(prompt, tokens).detach()
        torch.testing.assert_close(found, total, rtol=1e-4, atol=1e-4)
        found = model.score(prompt, tokens, normalize="mean").detach()
        torch.testing.assert_close(found, mean, rtol=1e-4, atol=1e-4)


def test_candidates_do_not_see_each_other(kit, prompt, tokens):
    model = kit.build().eval()
    together = model.score(prompt, tokens, ["theory", "x, y", "papers", "theory"])
    alone = [model.score(prompt, tokens, [name]) for name in ("theory", "x, y")]
    torch.testing.assert_close(together[:, :2], torch.cat(alone, 1))
    torch.testing.assert_close(together[:, 0], together[:, 3])


def test_a_batch_equals_its_rows(kit, kind, prompt):
    model = kit.build(kind).eval()
    tokens = [kit.graph_tokens(LENGTHS)]
    texts = ["short", "a much longer text of papers, 12 or 345", "x", "vectors in a"]
    quoting = with_text(prompt)
    scores = model.score(quoting, tokens, texts=texts)
    written = model.generate(quoting, tokens, texts, max_new_tokens=7)
    losses = []
    for row, text in enumerate(texts):
        one = kit.row_of(tokens, row)
        alone = model.score(quoting, one, texts=[text])
        torch.testing.assert_close(alone[0], scores[row], rtol=1e-4, atol=1e-4)
        said = model.generate(quoting, one, [text], max_new_tokens=7)
        assert said == [written[row]]
        size = len(kit.answer_ids(model.tokenizer, ANSWERS[row]))
        loss = model(quoting, one, [ANSWERS[row]], [text])
        losses.append((size, float(loss.detach())))
    mean = sum(n * loss for n, loss in losses) / sum(n for n, _ in losses)
    found = model(quoting, tokens, ANSWERS, texts)
    assert float(found.detach()) == pytest.approx(mean, 1e-4)


def test_greedy_answers_equal_a_loop_without_cache(kit, kind, prompt, tokens):
    model = kit.build(kind).eval()
    wanted = [
        model.tokenizer.decode(
            kit.greedy_by_hand(model, prompt, tokens, row, 8), skip_special_tokens=True
        ).strip()
        for row in range(len(LENGTHS))
    ]
    # Settings that come with a model must not bend a greedy answer.
    model.llm.generation_config.repetition_penalty = 5.0
    for share in (True, False):
        model.share_prefix = share
        assert model.generate(prompt, tokens, max_new_tokens=8) == wanted
    assert len(set(wanted)) > 1


# -------------------------------------------------------------------------- errors


def test_rows_and_places_have_to_fit(kit, prompt, tokens):
    model = kit.build()
    with pytest.raises(PromptError, match="1 places for graphs and got 2"):
        model(prompt, tokens * 2, ANSWERS)
    with pytest.raises(PromptError, match="4 questions need as many answers, not 3"):
        model(prompt, tokens, ANSWERS[:3])
    with pytest.raises(PromptError, match="4 and 3 rows"):
        model.score(link_prompt(), [tokens[0], kit.graph_tokens([1, 1, 1])])
    with pytest.raises(PromptError, match="4 and 1 rows"):
        model.score(with_text(prompt), tokens, texts=["one"])
    with pytest.raises(PromptError, match="quotes the nodes' texts"):
        model.score(with_text(prompt), tokens)
    with pytest.raises(PromptError, match="without texts"):
        model.score(text_only(prompt), [])
    with pytest.raises(PromptError, match="without questions"):
        model.generate(prompt, [kit.graph_tokens([])])
    with pytest.raises(PromptError, match="an answer has no words"):
        model(prompt, tokens, [*ANSWERS[:3], " "])


def test_tokens_of_another_template(kit, prompt):
    with pytest.raises(PromptError, match="have 9 features and the projector reads 6"):
        kit.build().score(prompt, [kit.graph_tokens([1], channels=9)])


def test_candidates_are_needed(kit, tokens):
    open_question = GraphPrompt("open", "", "Say it.", "<graph>")
    with pytest.raises(PromptError, match="'open' has no candidates"):
        kit.build().score(open_question, tokens)


def test_a_question_that_is_too_long(kit, prompt):
    model = kit.build("gpt2", llm_options={"n_positions": 240})
    tokens, quoting = [kit.graph_tokens([2])], with_text(prompt)
    assert model.score(quoting, tokens, texts=["a"]).isfinite().all()
    long = ["papers linked to it " * 60]
    with pytest.raises(PromptError, match="gpt2 sees 240 at once; shorten the texts"):
        model.score(quoting, tokens, texts=long)
    with pytest.raises(PromptError, match="sees 240"):
        model.generate(quoting, tokens, texts=["a"], max_new_tokens=300)


def test_settings_that_do_not_exist(kit):
    with pytest.raises(LLMError, match="'mask', 'zero' or 'pe', not 'drop'"):
        kit.build(pad_mode="drop")
    with pytest.raises(LLMError, match="lora_rank must be at least 1, not 0"):
        kit.build(lora_rank=0)

import pytest
import torch

from graphllm.data import split_links
from graphllm.errors import LeakageError, TextGraphError
from graphllm.experiments.llaga import (
    description_questions,
    generate_answers,
    link_questions,
    node_questions,
    score_questions,
)
from graphllm.experiments.llaga.questions import description, mean_loss
from graphllm.graph_tokens import HopField
from graphllm.models.llaga import LLaGA
from graphllm.models.llaga.sequence import tokenize_answer
from graphllm.prompts.graph_prompt import (
    classification_prompt,
    description_prompt,
    link_prompt,
    text_only,
)


@pytest.fixture
def tokens(graph, x):
    return HopField(1).bind(x, graph.edge_index)


@pytest.fixture
def prompt(graph):
    return classification_prompt(graph.label_names)


@pytest.fixture
def model(llm, x):
    return LLaGA(llm.model, llm.tokenizer, HopField(1), x.size(1), dropout=0.5)


def test_nodes_and_their_classes(graph, prompt, tokens):
    asked = node_questions(graph, torch.tensor([4, 0, 2]), prompt, tokens)
    assert asked.items.tolist() == [4, 0, 2]
    assert asked.target.tolist() == graph.y[[4, 0, 2]].tolist()
    assert asked.answers == [graph.label_names[y] for y in graph.y[[4, 0, 2]]]
    assert asked.texts is None
    mask = torch.zeros(75, dtype=torch.bool)
    mask[[0, 2, 4]] = True
    by_mask = node_questions(graph, mask, prompt, tokens)
    assert by_mask.items.tolist() == [0, 2, 4]
    batch = asked.batch(torch.tensor([2, 0]))
    expected = tokens(torch.tensor([2, 4]))
    assert torch.equal(batch.tokens[0].x, expected.x)
    assert batch.answers == [asked.answers[2], asked.answers[0]]


def test_texts_are_quoted_and_cut(graph, prompt):
    asked = node_questions(
        graph, torch.tensor([3, 1]), text_only(prompt), None, max_characters=5
    )
    assert asked.texts == [graph.text[3][:5], graph.text[1][:5]]
    batch = asked.batch(torch.tensor([1]))
    assert batch.tokens == []
    assert batch.texts == [graph.text[1][:5]]


def test_a_node_without_label(graph, prompt, tokens):
    graph.y[7] = -1
    with pytest.raises(TextGraphError, match="node 7 has no label"):
        node_questions(graph, torch.tensor([1, 7]), prompt, tokens)


def test_a_drawn_part(graph, prompt, tokens):
    asked = node_questions(graph, torch.arange(75), prompt, tokens)
    part = asked.draw(10, seed=3)
    assert len(part) == len(part.answers) == len(set(part.items.tolist())) == 10
    assert part.items.tolist() == sorted(part.items.tolist())
    assert part.target.tolist() == graph.y[part.items].tolist()
    assert part.items.tolist() == asked.draw(10, seed=3).items.tolist()
    assert part.items.tolist() != asked.draw(10, seed=4).items.tolist()
    assert asked.draw(75, 0) is asked
    assert asked.draw(None, 0) is asked


def test_the_fingerprint_tells_questions_apart(graph, prompt, tokens):
    nodes = torch.arange(4)
    asked = node_questions(graph, nodes, prompt, tokens)
    assert node_questions(graph, nodes, prompt, None).fingerprint == asked.fingerprint
    others = [
        node_questions(graph, nodes.flip(0), prompt, tokens),
        node_questions(
            graph, nodes, classification_prompt(["a", "b", "c"], "wiki"), tokens
        ),
        node_questions(graph, nodes, text_only(prompt), None),
        node_questions(graph, nodes, text_only(prompt), None, max_characters=3),
    ]
    graph.y[0] = (graph.y[0] + 1) % 3
    others.append(node_questions(graph, nodes, prompt, tokens))
    assert len({each.fingerprint for each in (asked, *others)}) == 6


def test_links_ask_about_both_ends(graph, x):
    split = split_links(graph)
    tokens = HopField(1).bind(x, split.train_edges)
    asked = link_questions(*split.train, link_prompt(), tokens)
    assert asked.target.tolist() == (1 - split.train.label).tolist()
    batch = asked.batch(torch.tensor([0, len(asked) - 1]))
    assert batch.answers == ["yes", "no"]
    for end, found in enumerate(batch.tokens):
        expected = tokens(asked.items[[0, -1], end])
        assert torch.equal(found.x, expected.x)


def test_links_that_can_be_seen_are_refused(graph, x, model):
    split = split_links(graph)
    tokens = HopField(1).bind(x, graph.edge_index)
    asked = link_questions(*split.test, link_prompt(), tokens)
    with pytest.raises(LeakageError, match="is to be predicted"):
        score_questions(model, asked)


def test_descriptions(graph, tokens):
    graph.text[0] = "A star. It shines."
    graph.text[1] = "An orbit\nof a star."
    graph.text[2] = ""
    graph.text[3] = "word " * 50
    graph.y[:4] = torch.tensor([0, 1, 2, -1])
    assert description(graph, 0) == "a: A star."
    assert description(graph, 1) == "b: An orbit."
    assert description(graph, 2) == "c."
    long = description(graph, 3)
    assert long == f"unknown: {' '.join(['word'] * 24)}."
    prompt = description_prompt()
    asked = description_questions(graph, torch.tensor([1, 0]), prompt, tokens)
    assert asked.answers == ["b: An orbit.", "a: A star."]


def test_scores_are_those_of_single_questions(graph, prompt, tokens, model):
    asked = node_questions(graph, torch.arange(7), prompt, tokens)
    model.train()
    found = score_questions(model, asked, batch_size=3)
    assert model.training
    model.eval()
    for row in range(7):
        alone = model.score(prompt, [tokens(torch.tensor([row]))])
        assert torch.allclose(found[row], alone[0], atol=1e-4)


def test_texts_of_any_length_come_back_in_order(graph, prompt, model):
    graph.text = [word * (3 + 5 * (i % 4)) for i, word in enumerate(graph.text)]
    asked = node_questions(graph, torch.arange(6), text_only(prompt), None)
    found = score_questions(model, asked, batch_size=4)
    for row in range(6):
        alone = score_questions(model, asked.take(torch.tensor([row])))
        assert torch.allclose(found[row], alone[0], atol=1e-4)


def test_the_mean_loss_is_over_tokens(graph, tokens, model, llm):
    graph.text[0] = "much longer than what the others say"
    prompt = description_prompt()
    asked = description_questions(graph, torch.arange(5), prompt, tokens)
    found = mean_loss(model, asked, batch_size=2)
    model.eval()
    total, count = 0.0, 0
    for row in range(5):
        size = len(tokenize_answer(llm.tokenizer, asked.answers[row]))
        batch = asked.batch(torch.tensor([row]))
        scores = model.score(prompt, batch.tokens, batch.answers)
        total, count = total - float(scores.detach()), count + size
    assert found == pytest.approx(total / count, rel=1e-4)


def test_free_answers_keep_their_rows(graph, tokens, model):
    asked = description_questions(graph, torch.arange(5), description_prompt(), tokens)
    found = generate_answers(model, asked, batch_size=2, max_new_tokens=6)
    assert len(found) == 5
    for row in (0, 4):
        alone = generate_answers(
            model, asked.take(torch.tensor([row])), max_new_tokens=6
        )
        assert found[row] == alone[0]

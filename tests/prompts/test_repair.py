import pytest

from graphllm.errors import PromptError
from graphllm.prompts import NodeView, Template, catalog, prose, render, repair_request

VIEW = NodeView(3, "a star", label_names=("astronomy", "cooking"))
RANK = catalog()["rank_labels"]


def test_repair_shows_the_answer_and_asks_for_the_form():
    request = render(RANK, VIEW)
    repair = repair_request(RANK, request, "Well,\nit depends.", VIEW)
    assert repair.messages[: len(request.messages)] == request.messages
    answer, question = repair.messages[-2:]
    assert (answer.role, answer.content) == ("assistant", "Well, it depends.")
    assert question.role == "user"
    assert "astronomy, cooking" in repair.messages[1].content
    assert "JSON list" in question.content
    assert repair.template == "repair@1/rank_labels@1"
    assert repair.node == 3
    assert repair.max_new_tokens == request.max_new_tokens


def test_the_question_after_a_repair_is_another_question():
    request = render(RANK, VIEW)
    assert repair_request(RANK, request, "x", VIEW) != request
    assert repair_request(RANK, request, "x", VIEW) != repair_request(
        RANK, request, "y", VIEW
    )


# Guard 10: one repair and no more.
def test_a_repair_is_never_repaired():
    repair = repair_request(RANK, render(RANK, VIEW), "x", VIEW)
    with pytest.raises(PromptError, match="repaired once"):
        repair_request(RANK, repair, "x", VIEW)


def test_long_and_empty_answers_stay_small():
    request = render(RANK, VIEW)
    long = repair_request(RANK, request, "word " * 10_000, VIEW)
    assert len(long.messages[-2].content) <= 402
    assert repair_request(RANK, request, "", VIEW).messages[-2].content == "(no answer)"


def test_every_template_of_the_catalogue_can_be_repaired():
    view = NodeView(0, "a", neighbors=("b",), label_names=("x", "y"))
    for name, template in catalog("wiki").items():
        if name != "repair":
            repair = repair_request(template, render(template, view), "?", view)
            assert "{" not in repair.messages[-1].content.replace('{"answer"', "")


def test_a_template_without_form_cannot_be_repaired():
    template = Template("own", 1, "", "{text}", prose)
    with pytest.raises(PromptError, match="'own@1' has no 'form'"):
        repair_request(template, render(template, VIEW), "x", VIEW)

from graphllm.enhance import Question, ask
from graphllm.enhance.answers import complete
from graphllm.llm import Completion
from graphllm.prompts import NodeView, get_templates, render
from graphllm.testing import ScriptedLLM

LABELS = ("star_gazing", "cooking")


def questions(names, count=2):
    views = [NodeView(i, f"text {i}", label_names=LABELS) for i in range(count)]
    return [
        Question(view, template, render(template, view))
        for view in views
        for template in get_templates(names, "generic")
    ]


def test_answers_come_in_the_order_of_the_questions():
    llm = ScriptedLLM(lambda r: f"about node {r.node}")
    answers = ask(llm, questions(["expand", "summarize"]))
    assert [(a.node, a.template.split("@")[0]) for a in answers] == [
        (0, "expand"),
        (0, "summarize"),
        (1, "expand"),
        (1, "summarize"),
    ]
    assert [a.raw for a in answers] == ["about node 0"] * 2 + ["about node 1"] * 2


def test_broken_answers_are_kept_raw_and_guess_nothing():
    answer = ask(ScriptedLLM(lambda r: "no idea"), questions(["rank_labels"], 1))[0]
    assert (answer.ok, answer.text, answer.raw, answer.error) == (
        False,
        "",
        "no idea",
        None,
    )


# Guard 10: one repair and no more.
def test_one_repair_and_no_more():
    replies = iter(["no idea", '["cooking"]'])
    llm = ScriptedLLM(lambda r: next(replies))
    answer = ask(llm, questions(["rank_labels"], 1), repair=True)[0]
    assert answer.ok
    assert "cooking" in answer.text
    assert len(llm.calls) == 2
    stubborn = ScriptedLLM(lambda r: "no idea")
    assert not ask(stubborn, questions(["rank_labels"], 1), repair=True)[0].ok
    assert len(stubborn.calls) == 2


def test_good_answers_are_not_asked_again():
    llm = ScriptedLLM(lambda r: "['cooking']")
    ask(llm, questions(["expand"], 3), repair=True)
    assert len(llm.calls) == 3


class OnlyComplete:
    def complete(self, requests):
        return [Completion(str(r.node)) for r in requests]


def test_any_object_with_complete_will_do():
    seen = []
    made = complete(
        OnlyComplete(),
        [q.request for q in questions(["expand"])],
        lambda *p: seen.append(p),
    )
    assert [c.text for c in made] == ["0", "1"]
    assert seen == [(2, 2)]

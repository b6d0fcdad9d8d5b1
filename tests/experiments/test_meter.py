from graphllm.experiments.meter import MeteredLLM
from graphllm.llm import CachedLLM, Completion, Message, Price, Request
from graphllm.testing import ScriptedLLM


def question(text, node=None, template="expand@1"):
    return Request((Message("user", text),), node=node, template=template)


def test_a_question_is_asked_once_and_counted_once():
    script = ScriptedLLM(lambda request: "three words here")
    meter = MeteredLLM(script)
    for _ in range(2):
        meter.complete([question("what is a", 1), question("what is b", 2)])
    assert len(script.calls) == 2
    usage = meter.usage_of()
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (2, 6, 6)


def test_answers_that_depend_on_the_node_are_kept_apart():
    script = ScriptedLLM(lambda request: str(request.node))
    meter = MeteredLLM(script)
    first, second = meter.complete([question("same", 1), question("same", 2)])
    assert (first.text, second.text) == ("1", "2")
    assert [a.text for a in meter.complete([question("same", 2)])] == ["2"]
    # the same question twice would be cached: its price counts once
    assert meter.usage_of().calls == 1


def test_each_template_has_its_own_bill():
    meter = MeteredLLM(ScriptedLLM(lambda request: "a b"))
    meter.complete(
        [question("x", template="expand@1"), question("y z", template="k@1")]
    )
    assert meter.usage_of("expand@1").prompt_tokens == 1
    assert meter.usage_of("k@1").prompt_tokens == 2
    assert meter.usage_of("none@1").calls == 0


def test_a_cached_answer_costs_what_it_took(tmp_path):
    path = tmp_path / "answers.sqlite"
    script = ScriptedLLM(lambda request: "one two")
    script.price = Price(1e6, 2e6)
    for _ in range(2):
        meter = MeteredLLM(CachedLLM(script, path))
        meter.complete([question("a b c")])
        usage = meter.usage_of()
        assert (usage.calls, usage.prompt_tokens, usage.cost) == (1, 3, 3 + 4)
    assert len(script.calls) == 1


def test_a_failed_question_is_asked_again_and_costs_nothing():
    script = ScriptedLLM(
        ["late"], fail=lambda r: None if len(script.calls) > 1 else "no"
    )
    meter = MeteredLLM(script)
    assert not meter.complete([question("a")])[0].ok
    assert meter.usage_of().calls == 0
    assert meter.complete([question("a")])[0].text == "late"


def test_a_model_that_cannot_stream():
    class Plain:
        model = "plain"

        def complete(self, requests):
            return [Completion(r.messages[0].content.upper()) for r in requests]

    meter = MeteredLLM(Plain())
    assert [a.text for a in meter.complete([question("a"), question("b")])] == [
        "A",
        "B",
    ]
    assert meter.model == "plain"
    assert meter.count_tokens("12345678") == 2

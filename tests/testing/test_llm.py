from dataclasses import replace

import pytest

from graphllm.llm import Backend, Completion, Message, Request
from graphllm.testing import ScriptedLLM, assert_llm


def ask(text, **options):
    return Request((Message("user", text),), **options)


def say(request):
    return f"you said {request.messages[-1].content[:5]}"


def test_a_script_in_order():
    llm = ScriptedLLM(["one", "two"])
    requests = [ask("a b"), ask("c"), ask("d")]
    answers = llm.complete(requests)
    assert [answer.text for answer in answers] == ["one", "two", ""]
    assert answers[2].error == "the script ended before call 3"
    assert llm.calls == requests
    usage = llm.usage
    assert (usage.calls, usage.failures) == (3, 1)
    assert (usage.prompt_tokens, usage.completion_tokens) == (4, 2)


def test_a_function_and_failures():
    llm = ScriptedLLM(
        say, fail=lambda r: "no" if "x" in r.messages[0].content else None
    )
    answers = llm.complete([ask("abc"), ask("x")])
    assert answers[0] == Completion(
        "you said abc", prompt_tokens=1, completion_tokens=3
    )
    assert answers[1] == Completion.failed("no", prompt_tokens=1)


def test_the_contract_holds_for_the_script():
    bad = ask("bad")
    assert_llm(ScriptedLLM(say, fail=lambda r: "no" if r == bad else None), bad=bad)


class Broken(ScriptedLLM):
    """Breaks one clause of the contract."""

    def __init__(self, how):
        super().__init__(say)
        self.how = how

    def complete(self, requests):
        answers = self.how(super().complete(requests))
        return answers


def numbered(answers):
    return [replace(a, text=f"{i}") for i, a in enumerate(answers)]


@pytest.mark.parametrize(
    ("how", "clause"),
    [
        (lambda answers: answers[::-1], "not depend on its batch"),
        (sorted_by_text := (lambda a: sorted(a, key=lambda c: c.text)), "batch"),
        (numbered, "not depend on its batch"),
        (lambda answers: answers[:-1], "one completion a request"),
        (lambda answers: answers or [Completion("x")], "no requests"),
        (lambda a: [replace(c, text=" ") for c in a], "empty answer"),
        (lambda a: [replace(c, completion_tokens=17) for c in a], "token limit"),
        (lambda a: [replace(c, finish_reason="error") for c in a], "finish reason"),
        (lambda a: [replace(c, error="a\nb", text="") for c in a], "one line"),
        (lambda a: [replace(c, error="a") for c in a], "has no answer"),
        (lambda a: [c.text for c in a], "answers are completions"),
    ],
)
def test_a_broken_contract_is_found(how, clause):
    with pytest.raises(AssertionError, match=clause):
        assert_llm(Broken(how))


def test_unnamed_uncounted_and_unfailing_models_are_found():
    class Quiet(Backend):
        model = ""

        def stream(self, requests):
            yield from ((i, Completion(say(r))) for i, r in enumerate(requests))

    with pytest.raises(AssertionError, match="must name the model"):
        assert_llm(Quiet())
    Quiet.model = "quiet"
    with pytest.raises(AssertionError, match="usage must count"):
        assert_llm(Quiet())
    with pytest.raises(AssertionError, match="the bad request must fail"):
        assert_llm(ScriptedLLM(say), bad=ask("bad"))
    with pytest.raises(AssertionError, match="has a method 'complete'"):
        assert_llm(object())


def test_unequal_answers_to_equal_requests_are_found():
    class Moody(ScriptedLLM):
        def complete(self, requests):
            answers = super().complete(requests)
            if len(requests) == 3:
                answers[2] = replace(answers[2], text="something else")
            return answers

    with pytest.raises(AssertionError, match="equal requests, equal answers"):
        assert_llm(Moody(say))

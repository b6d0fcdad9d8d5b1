import subprocess
import sys

import pytest

import graphllm.llm
from graphllm.llm import LLM, Backend, Completion, Message, Request


class Backwards(Backend):
    """Answers in the reverse order, as a server may."""

    model = "backwards"

    def stream(self, requests):
        for position in reversed(range(len(requests))):
            yield position, Completion(requests[position].messages[-1].content)


def ask(text, **options):
    return Request((Message("user", text),), **options)


def test_complete_restores_the_order():
    answers = Backwards().complete([ask("a"), ask("b"), ask("c")])
    assert [answer.text for answer in answers] == ["a", "b", "c"]
    assert Backwards().complete([]) == []


def test_the_node_is_no_part_of_a_question():
    assert ask("a", node=1) == ask("a", node=2)
    assert ask("a", seed=1) != ask("a", seed=2)


def test_a_failure_is_a_value():
    failed = Completion.failed("no luck", prompt_tokens=3)
    assert (failed.ok, failed.text, failed.finish_reason) == (False, "", "error")
    assert failed.prompt_tokens == 3
    refused = Completion.refused("too dear")
    assert (refused.ok, refused.finish_reason) == (False, "refused")
    assert Completion("yes").ok


def test_the_base_class_asks_for_stream():
    with pytest.raises(NotImplementedError):
        Backend().complete([ask("a")])


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2)])
def test_four_characters_are_a_token(text, tokens):
    assert Backend().count_tokens(text) == tokens


def test_anything_with_complete_is_an_llm():
    assert isinstance(Backwards(), LLM)
    assert not isinstance(object(), LLM)


def test_importing_the_service_loads_no_model_library():
    heavy = "torch, transformers, openai, xllamacpp, torch_geometric"
    code = (
        "import sys, graphllm.llm\n"
        f"loaded = [name for name in '{heavy}'.split(', ') if name in sys.modules]\n"
        "sys.exit(', '.join(loaded) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Parrot'"):
        graphllm.llm.Parrot  # noqa: B018
    assert {"LlamaCppLLM", "TransformersLLM", "load_llm"} <= set(dir(graphllm.llm))

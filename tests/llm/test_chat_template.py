import pytest

from graphllm.errors import PromptError
from graphllm.llm import Message
from graphllm.llm.chat_template import render_chat

CHAT = (Message("system", "Be short."), Message("user", "Hi"))


@pytest.fixture
def tokenizer(tiny_tokenizer):
    from copy import deepcopy

    return deepcopy(tiny_tokenizer)


def test_renders_up_to_the_answer(tokenizer):
    assert render_chat(tokenizer, CHAT) == (
        "<|im_start|>system\nBe short.<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_template_turns_are_joined(tokenizer):
    tokenizer.chat_template = None
    assert render_chat(tokenizer, CHAT) == "Be short.\n\nHi"


def test_template_without_system_turn(tokenizer):
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no\nsystem') }}"
        "{% endif %}{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}"
    )
    assert render_chat(tokenizer, CHAT) == "user=Be short.\n\nHi;"


def test_refused_chat_is_one_line(tokenizer):
    tokenizer.chat_template = "{{ raise_exception('roles\nmust alternate') }}"
    with pytest.raises(PromptError, match="roles must alternate") as caught:
        render_chat(tokenizer, CHAT)
    assert "\n" not in str(caught.value)

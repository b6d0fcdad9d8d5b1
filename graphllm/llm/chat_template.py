"""The chat of a request as the one string that a model continues."""

from collections.abc import Sequence
from typing import Any

from graphllm.errors import PromptError
from graphllm.llm.base import Message


def render_chat(tokenizer: Any, messages: Sequence[Message]) -> str:
    """Render a chat with the tokenizer's template, up to where the answer begins.

    A template that knows no system turn gets its text at the head of the first user
    turn. A tokenizer without a template belongs to a base model: the turns are
    joined by blank lines.

    Args:
        tokenizer: A tokenizer of transformers.
        messages (Sequence[Message]): The turns.

    Returns:
        str: The prompt, special tokens written out.

    Raises:
        PromptError: If the template refuses the chat.
    """
    if not getattr(tokenizer, "chat_template", None):
        return "\n\n".join(turn.content for turn in messages)
    try:
        return _apply(tokenizer, messages)
    except _template_error() as error:
        if len(messages) > 1 and messages[0].role == "system":
            system, first, *rest = messages
            joined = Message(first.role, f"{system.content}\n\n{first.content}")
            return render_chat(tokenizer, [joined, *rest])
        reason = " ".join(str(error).split())
        raise PromptError(f"the chat template refuses the prompt ({reason})") from None


def _apply(tokenizer: Any, messages: Sequence[Message]) -> str:
    turns = [{"role": turn.role, "content": turn.content} for turn in messages]
    # Some templates write today's date otherwise: another prompt every day.
    text: str = tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True, date_string="1 January 2026"
    )
    return text


def _template_error() -> type[Exception]:
    from jinja2.exceptions import TemplateError

    return TemplateError

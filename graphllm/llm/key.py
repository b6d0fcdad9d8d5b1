"""What makes two questions the same question."""

import hashlib
import json
from typing import Any

from graphllm.llm.base import Message, Request

VERSION = "v1"


def request_key(model: str, request: Request) -> str:
    r"""The key under which an answer is stored.

    .. math::
        \mathrm{key} = \texttt{"v1:"} \,\Vert\,
        \mathrm{sha256}(\mathrm{json}(\mathrm{model}, \mathrm{request}))

    over canonical JSON (sorted names, no spaces, ASCII). It covers the model's
    identity, the messages, ``max_new_tokens``, ``temperature``, ``top_p``, ``seed``,
    ``stop`` and ``template``; the node is not in it.

    Args:
        model (str): Identity of the model, as in :attr:`Backend.model`.
        request (Request): The question.

    Returns:
        str: ``"v1:"`` and 64 hexadecimal digits.
    """
    content = canonical({"model": model, **request_fields(request)})
    return f"{VERSION}:{hashlib.sha256(content.encode('ascii')).hexdigest()}"


def request_fields(request: Request) -> dict[str, Any]:
    """The part of a request that the answer depends on, as JSON values.

    Numbers are brought to one type first: ``temperature=0`` and ``0.0`` are one
    question.
    """
    return {
        "messages": [[turn.role, turn.content] for turn in request.messages],
        "max_new_tokens": int(request.max_new_tokens),
        "temperature": float(request.temperature),
        "top_p": float(request.top_p),
        "seed": None if request.seed is None else int(request.seed),
        "stop": list(request.stop),
        "template": request.template,
    }


def request_from_fields(fields: dict[str, Any]) -> Request:
    """The inverse of :func:`request_fields`.

    Raises:
        ValueError: If a field is missing or of another type.
    """
    try:
        return Request(
            messages=tuple(Message(role, text) for role, text in fields["messages"]),
            max_new_tokens=int(fields["max_new_tokens"]),
            temperature=float(fields["temperature"]),
            top_p=float(fields["top_p"]),
            seed=None if fields["seed"] is None else int(fields["seed"]),
            stop=tuple(fields["stop"]),
            template=fields["template"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a stored request ({error!r})") from None


def canonical(value: dict[str, Any]) -> str:
    """JSON that is the same text for the same value, whatever made it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

"""From what a user writes after ``--llm`` to a language model."""

import json
import os
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from graphllm._optional import available
from graphllm.errors import (
    LLMConnectionError,
    LLMError,
    ModelNotFoundError,
    UnknownNameError,
)
from graphllm.llm.base import Backend
from graphllm.llm.chat import is_loopback, shown
from graphllm.llm.openai import OpenAILLM
from graphllm.llm.replay import ReplayLLM
from graphllm.llm.usage import Budget, Price
from graphllm.model_packages import PACKAGED, find_model

BACKENDS = ("llamacpp", "openai", "replay", "transformers")
_WEB = ("http://", "https://")


def load_llm(
    spec: str,
    *,
    model: str | None = None,
    backend: str | None = None,
    budget: Budget | None = None,
    price: Price | None = None,
    concurrency: int | None = None,
) -> Backend:
    """Make a language model from one string.

    ======================== ====================================================
    ``smollm2``, ``X.gguf``  :class:`~graphllm.llm.LlamaCppLLM` where ``xllamacpp``
                             is installed, else
                             :class:`~graphllm.llm.TransformersLLM`
    folder, ``owner/model``  :class:`~graphllm.llm.TransformersLLM`
    ``http://..``            :class:`~graphllm.llm.OpenAILLM`; ``model`` may be left
                             out where the server lists exactly one
    ``replay:FILE``          :class:`~graphllm.llm.ReplayLLM`
    ======================== ====================================================

    ``transformers:NAME`` and ``llamacpp:NAME`` force the backend, as does
    ``backend``.

    Args:
        spec (str): As in the table.
        model (str, optional): Name of the model at a server.
        backend (str, optional): One of ``"llamacpp"``, ``"openai"``, ``"replay"``,
            ``"transformers"``.
        budget (Budget, optional): Limit on calls, tokens, money.
        price (Price, optional): Money a token.
        concurrency (int, optional): Requests at a time; the batch size of
            transformers. (default: the backend's own)

    Returns:
        Backend: The model, not wrapped in a cache.

    Raises:
        ModelNotFoundError: If there is no such model.
        UnknownNameError: If there is no such backend.
        LLMError: If the model's name at the server cannot be told.
    """
    head, colon, rest = spec.partition(":")
    if colon and head in BACKENDS:
        backend, spec = head, rest
    if backend is None:
        backend = _guess(spec)
    makers: dict[str, Callable[[], Backend]] = {
        "llamacpp": lambda: _llamacpp(spec, budget, price, concurrency),
        "openai": lambda: _openai(spec, model, budget, price, concurrency),
        "replay": lambda: ReplayLLM(spec),
        "transformers": lambda: _transformers(spec, budget, price, concurrency),
    }
    if backend not in makers:
        raise UnknownNameError("LLM backend", backend, BACKENDS)
    if not spec:
        raise LLMError(f"'{backend}:' needs a model, file or address after the colon")
    return makers[backend]()


def _guess(spec: str) -> str:
    if spec.startswith(_WEB):
        return "openai"
    try:
        path = find_model(spec)
    except ModelNotFoundError as error:
        if spec in PACKAGED:
            raise
        raise ModelNotFoundError(
            f"{error}; a server is given as http://..., a file of answers as "
            "replay:FILE"
        ) from None
    if path.endswith(".gguf"):
        return "llamacpp" if available("xllamacpp") else "transformers"
    if Path(path).is_file():
        raise ModelNotFoundError(
            f"'{spec}' is no model: a file must be a .gguf; a file of answers is given "
            "as replay:FILE"
        )
    return "transformers"


def _llamacpp(
    spec: str, budget: Budget | None, price: Price | None, concurrency: int | None
) -> Backend:
    from graphllm.llm.llamacpp import LlamaCppLLM

    return LlamaCppLLM(spec, n_parallel=concurrency, budget=budget, price=price)


def _transformers(
    spec: str, budget: Budget | None, price: Price | None, concurrency: int | None
) -> Backend:
    if spec in PACKAGED and not find_model(spec).endswith(".gguf"):
        raise ModelNotFoundError(
            f"'{spec}' is an encoder, not a language model; take smollm2, for example"
        )
    from graphllm.llm.transformers import TransformersLLM

    return TransformersLLM.from_pretrained(
        spec, batch_size=concurrency or 32, budget=budget, price=price
    )


def _openai(
    spec: str,
    model: str | None,
    budget: Budget | None,
    price: Price | None,
    concurrency: int | None,
) -> Backend:
    return OpenAILLM(
        spec,
        model or _only_model(spec),
        concurrency=concurrency or 8,
        budget=budget,
        price=price,
    )


def _only_model(url: str) -> str:
    names = _listed_models(url)
    if len(names) == 1:
        return names[0]
    listed = f": {', '.join(names[:10])}" if names else ""
    raise LLMError(
        f"the server at {shown(url)} lists {len(names)} models{listed}; say which one "
        "with --llm-model"
    )


def _listed_models(url: str) -> list[str]:
    ask = f"the server at {shown(url)} does not tell its models"
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    request = Request(
        f"{url.rstrip('/')}/models",
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )
    # A proxy from the environment cannot reach a server on this very machine.
    opener = build_opener(ProxyHandler({})) if is_loopback(url) else build_opener()
    try:
        with opener.open(request, timeout=10) as reply:
            return [str(entry["id"]) for entry in json.load(reply)["data"]]
    except HTTPError as error:
        raise LLMError(
            f"{ask} ({error.code}); say which one with --llm-model"
        ) from None
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise LLMConnectionError(
            f"no LLM server at {shown(url)} ({reason}); start it or give another --llm"
        ) from None
    except (KeyError, TypeError, ValueError):
        raise LLMError(f"{ask}; say which one with --llm-model") from None

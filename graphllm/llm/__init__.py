"""Language models as a service: requests in, completions out, nothing asked twice.

Importing this loads neither torch nor any model library; the local backends load
when they are first named.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphllm.llm.base import LLM, Backend, Completion, Message, Request
from graphllm.llm.cache import CachedLLM, CacheOnly
from graphllm.llm.estimate import Estimate, estimate
from graphllm.llm.key import request_key
from graphllm.llm.openai import OpenAILLM
from graphllm.llm.replay import ReplayLLM
from graphllm.llm.store import AnswerStore, StoreStats
from graphllm.llm.usage import Budget, Price, Usage

if TYPE_CHECKING:
    from graphllm.llm.llamacpp import LlamaCppLLM as LlamaCppLLM
    from graphllm.llm.resolve import load_llm as load_llm
    from graphllm.llm.transformers import TransformersLLM as TransformersLLM

_LAZY = {
    "LlamaCppLLM": "graphllm.llm.llamacpp",
    "TransformersLLM": "graphllm.llm.transformers",
    "load_llm": "graphllm.llm.resolve",
}

__all__ = [
    "LLM",
    "AnswerStore",
    "Backend",
    "Budget",
    "CacheOnly",
    "CachedLLM",
    "Completion",
    "Estimate",
    "LlamaCppLLM",
    "Message",
    "OpenAILLM",
    "Price",
    "ReplayLLM",
    "Request",
    "StoreStats",
    "TransformersLLM",
    "Usage",
    "estimate",
    "load_llm",
    "request_key",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'graphllm.llm' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

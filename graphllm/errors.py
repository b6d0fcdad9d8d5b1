"""Errors a user of graphllm can cause.

Each one says in a single line what is wrong, with the offending value, and what
to do about it. They also inherit the matching builtin, so ``except ValueError``
keeps working. The command line turns any :class:`GraphLLMError` into that line
and exit code 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class GraphLLMError(Exception):
    """Base of every error raised on purpose by graphllm."""


class TextGraphError(GraphLLMError, ValueError):
    """A graph, its text, its labels or its masks are not usable as given."""


class DatasetError(GraphLLMError, ValueError):
    """A data set cannot be read or does not match its fingerprint."""


class DownloadError(GraphLLMError, OSError):
    """A file could not be fetched, or arrived damaged."""


class UnknownNameError(GraphLLMError, ValueError):
    """A name given by the user is not among the choices."""

    def __init__(self, kind: str, name: object, choices: Iterable[str]) -> None:
        """Build the message.

        Args:
            kind (str): What was asked for, for example ``"selector"``.
            name (object): What the user gave.
            choices (Iterable[str]): Every name that would have worked.
        """
        known = sorted(choices)
        close = get_close_matches(str(name), known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        super().__init__(
            f"unknown {kind} '{name}'.{hint} Choose one of: {', '.join(known)}."
        )


class BudgetError(GraphLLMError, ValueError):
    """A node budget is zero, negative, above one or above the number of nodes."""


class SpendingLimitError(GraphLLMError, RuntimeError):
    """An LLM call would exceed the allowed calls, tokens or money."""


class LLMError(GraphLLMError, RuntimeError):
    """A language model cannot be used at all (as opposed to one failed answer)."""


class LLMConnectionError(LLMError, ConnectionError):
    """The LLM server cannot be reached."""


class LLMAccessError(LLMError, PermissionError):
    """The LLM server refuses the key, the model or the address (401, 403, 404)."""


class CacheError(GraphLLMError, OSError):
    """The answer cache is locked, damaged, read-only or on a full disk."""


class PromptError(GraphLLMError, ValueError):
    """A prompt cannot be rendered as asked."""


class LeakageError(GraphLLMError, ValueError):
    """An edge that is to be predicted can be seen in what the model reads."""


class EmbeddingError(GraphLLMError, ValueError):
    """Stored embeddings belong to another graph or another encoder."""


class ModelNotFoundError(GraphLLMError, FileNotFoundError):
    """A model name is neither a path, an installed package nor on the hub."""


class CompressionError(GraphLLMError, ValueError):
    """A model, a configuration or a calibration cannot be used to compress."""


class MissingExtraError(GraphLLMError, ImportError):
    """An optional package is needed for what was asked."""

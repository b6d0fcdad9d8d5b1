"""One call to a server that speaks the OpenAI chat protocol."""

import json
import weakref
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from graphllm._optional import require
from graphllm.errors import LLMAccessError, LLMConnectionError, LLMError
from graphllm.llm.base import Request
from graphllm.llm.retry import retry_after_s, worth_retrying
from graphllm.llm.row import clean


@dataclass(frozen=True)
class Reply:
    """What the server answered.

    Args:
        text (str): The answer, possibly empty.
        finish_reason (str): As the server gave it.
        prompt_tokens (int, optional): ``None`` where the server does not count.
        completion_tokens (int, optional): Likewise.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None


class CallError(Exception):
    """One call failed.

    Args:
        reason (str): What happened, in one line without secrets.
        again (bool): Whether another attempt may help.
        after_s (float, optional): What ``Retry-After`` asked for.
        billed (bool): Whether the server may have done the work all the same.
        fatal (LLMError, optional): What to raise when no request can succeed.
    """

    def __init__(
        self,
        reason: str,
        *,
        again: bool = True,
        after_s: float | None = None,
        billed: bool = True,
        fatal: LLMError | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.after_s = after_s
        self.billed = billed
        self.fatal = fatal


class ChatServer:
    """A connection pool to one server, with nothing shared between two of them.

    Args:
        base_url (str): Address up to and with ``/v1``.
        model (str): Name of the model there.
        key (str, optional): The key; never shown.
        key_name (str, optional): Where the key came from, for messages.
        timeout_s (float): Longest silence of the server.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        key: str | None,
        key_name: str | None,
        timeout_s: float,
    ) -> None:
        self.url = shown(base_url)
        self.model = model
        self.key_name = key_name
        self.reached = False
        self._key = key
        self._limit_field = "max_tokens"
        self._openai: Any = require("openai", "api", "OpenAILLM")
        # A proxy from the environment cannot reach a server on this very machine.
        direct = is_loopback(base_url)
        self._client = self._openai.OpenAI(
            base_url=base_url,
            api_key=key or "none",
            timeout=timeout_s,
            max_retries=0,
            http_client=self._openai.DefaultHttpxClient(trust_env=not direct),
        )
        weakref.finalize(self, self._client.close)

    def ask(self, request: Request) -> Reply:
        """Send one request, once.

        Raises:
            CallError: If there is no reply that can be read.
        """
        limit = self._limit_field
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                **self._body(request, limit)
            )
        except self._openai.APIStatusError as error:
            self.reached = True
            raise self._refusal(error, limit) from None
        except self._openai.APIConnectionError as error:
            raise self._broken(error) from None
        self.reached = True
        return _read(answer.content)

    def _body(self, request: Request, limit: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": turn.role, "content": clean(turn.content)}
                for turn in request.messages
            ],
            "temperature": request.temperature,
            limit: request.max_new_tokens,
        }
        if request.top_p != 1.0:
            body["top_p"] = request.top_p
        if request.seed is not None:
            body["seed"] = request.seed
        if request.stop:
            body["stop"] = list(request.stop)
        return body

    def _refusal(self, error: Any, limit: str) -> CallError:
        status = int(error.status_code)
        # The package puts the status and the whole body into its own message.
        told = error.body.get("message") if isinstance(error.body, dict) else None
        said = f"{status}: {_one_line(told or error.message)}"
        said = said.replace(self._key, "***") if self._key else said
        if status == 400 and "max_completion_tokens" in said and limit == "max_tokens":
            # Newer hosted models know the limit under another name only.
            self._limit_field = "max_completion_tokens"
            return CallError(said, after_s=0.0, billed=False)
        fatal: LLMError | None = None
        if status in (401, 403) or error.code == "insufficient_quota":
            source = f"environment variable {self.key_name}" if self.key_name else "key"
            fatal = LLMAccessError(
                f"the LLM server at {self.url} refuses access ({said}); check the "
                f"{source}"
            )
        elif status == 404:
            fatal = LLMAccessError(
                f"the LLM server at {self.url} knows no model '{self.model}' or no "
                f"such address ({said}); the address usually ends in /v1"
            )
        return CallError(
            f"the server said {said}",
            again=fatal is None and worth_retrying(status),
            after_s=retry_after_s(error.response.headers.get("retry-after")),
            billed=False,
            fatal=fatal,
        )

    def _broken(self, error: Any) -> CallError:
        cause = error.__cause__ or error
        # By name: the HTTP package behind openai is another one since version 3.
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout"):
            fatal = LLMConnectionError(
                f"no LLM server at {self.url} ({_one_line(cause)}); start it or give "
                "another --llm"
            )
            return CallError(str(fatal), billed=False, fatal=fatal)
        if isinstance(error, self._openai.APITimeoutError):
            return CallError("the server did not answer in time")
        return CallError(f"the connection broke ({_one_line(cause)})")


def _read(content: bytes) -> Reply:
    try:
        body = json.loads(content)
    except ValueError:
        raise CallError("the server's reply is not JSON") from None
    try:
        choice = body["choices"][0]
        text = choice["message"].get("content") or ""
        usage = body.get("usage") or {}
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        return Reply(
            clean(text),
            str(choice.get("finish_reason")),
            *(int(count) if count is not None else None for count in counts),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        start = _one_line(content[:120].decode("utf-8", "replace"))
        raise CallError(f"the server's reply holds no answer: {start}") from None


def is_loopback(base_url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def shown(base_url: str) -> str:
    """The address without a user name and password in it.

    Raises:
        LLMError: If it is no http address.
    """
    try:
        parts = urlsplit(base_url)
        usable = (
            parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable:
        raise LLMError(
            f"'{base_url}' is not the address of a server; it looks like "
            "http://127.0.0.1:8000/v1"
        )
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__

"""Any causal language model that is loaded with transformers."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from graphllm.errors import (
    LLMError,
    PromptError,
    SpendingLimitError,
)
from graphllm.llm.base import Backend, Completion, Message, Request
from graphllm.llm.chat_template import render_chat
from graphllm.llm.decoding import cut
from graphllm.llm.generate import (
    answer_length,
    end_tokens,
    generate_rows,
    is_out_of_memory,
)
from graphllm.llm.identity import model_identity
from graphllm.llm.read_model import read_model
from graphllm.llm.scoring import score_candidates, split_ids
from graphllm.llm.usage import Budget, Price, Reservation, Stopwatch, Usage

_SPEED_PROMPT = "Describe in two sentences what a graph neural network is. " * 4


class TransformersLLM(Backend):
    """A causal language model in this process.

    Prompts are rendered with the tokenizer's chat template, sorted by length, padded
    on the left and decoded together; each row ends at its own end token, limit or
    stop string. Greedy answers are those of one request at a time, up to ties within
    the rounding of the matrix products (none seen in float32). ``temperature > 0``
    samples with a generator of the request's own seed
    (:class:`~graphllm.llm.decoding.RowSampler`), so sampled answers do not depend on
    the batch either. Penalties and sampling defaults that come with the model are
    not applied: an answer depends on the request alone.

    A batch that does not fit into memory is halved, and later ones stay that small;
    a single request that does not fit is a failed completion, as is a prompt that
    does not fit into the model's context. An answer that would outgrow the context
    ends there (``"length"``). A request that ``budget`` does not allow is refused
    with all that come after it; the limits are never exceeded.

    The model is put into evaluation mode; neither it nor the tokenizer is changed
    otherwise. ``seconds`` of an answer is its share of the batch's time.

    Args:
        model: A causal language model of transformers, on any device.
        tokenizer: Its tokenizer.
        batch_size (int, optional): Most requests at a time. (default: :obj:`32`,
            since on a CPU a row more costs nearly nothing up to there)
        max_batch_tokens (int, optional): Most tokens of a batch, padding and new
            tokens included. (default: :obj:`16384`)
        budget (Budget, optional): Limit on calls, tokens, money.
        price (Price, optional): Money a token, for :attr:`usage`.
            (default: the price of ``budget``)
        name (str, optional): Identity that a cache keys on.
            (default: name and hash of the weights,
            :func:`~graphllm.llm.identity.model_identity`)

    Raises:
        LLMError: If a limit is not positive.

    Example::

        llm = TransformersLLM.from_pretrained("smollm2")
        answers = llm.complete([Request((Message("user", "What is a GNN?"),))])
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        batch_size: int = 32,
        max_batch_tokens: int = 16_384,
        budget: Budget | None = None,
        price: Price | None = None,
        name: str | None = None,
    ) -> None:
        if batch_size < 1 or max_batch_tokens < 1:
            raise LLMError(
                "'batch_size' and 'max_batch_tokens' must be positive "
                f"(got {batch_size} and {max_batch_tokens})"
            )
        self.language_model = model.eval()
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.max_batch_tokens = max_batch_tokens
        self.budget = budget or Budget()
        self.price = price or self.budget.price
        self.model = name or model_identity(model, tokenizer)
        self.usage = Usage()
        self._ends = end_tokens(model, tokenizer)
        self._speed = 0.0

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        dtype: torch.dtype | None = None,
        device: str | torch.device | None = None,
        batch_size: int = 32,
        max_batch_tokens: int = 16_384,
        budget: Budget | None = None,
        price: Price | None = None,
    ) -> Self:
        """Load a model by name: a folder, a ``.gguf`` file, ``smollm2``, a hub name.

        A GGUF file is converted once (:func:`~graphllm.llm.gguf.convert_gguf`). A
        folder may be one of :func:`graphllm.compress.save`.

        Args:
            name (str): As :func:`~graphllm.model_packages.find_model` takes it.
            dtype (torch.dtype, optional): Type of the weights. (default: float32 on
                the CPU, where it is the fastest, elsewhere the checkpoint's own);
                a compressed model always keeps its own
            device (str or torch.device, optional): Where the model is put.
                (default: the CPU)
            batch_size (int, optional): As above.
            max_batch_tokens (int, optional): As above.
            budget (Budget, optional): As above.
            price (Price, optional): As above.

        Raises:
            ModelNotFoundError: If there is no such model or it cannot be read.
            CompressionError: If a compressed one is damaged or of another version.
        """
        tokenizer, model = read_model(name, dtype, torch.device(device or "cpu"))
        return cls(
            model,
            tokenizer,
            batch_size=batch_size,
            max_batch_tokens=max_batch_tokens,
            budget=budget,
            price=price,
        )

    def __repr__(self) -> str:
        return f"TransformersLLM('{self.model}')"

    @property
    def context_length(self) -> int:
        """Most tokens the model reads and writes together."""
        config = self.language_model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2**31)

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order."""
        with Stopwatch(self.usage):
            return super().complete(requests)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield the answers batch by batch, longest prompts first."""
        jobs: list[_Job] = []
        for position, request in enumerate(requests):
            try:
                jobs.append(self._prepare(position, request))
            except PromptError as error:
                self.usage.failures += 1
                yield position, Completion.failed(str(error))
        waiting = deque(sorted(jobs, key=lambda job: -len(job.ids)))
        while waiting:
            batch, refusal = self._take(waiting)
            if not batch:
                break
            yield from self._answer(batch)
        for job in waiting:
            self.usage.failures += 1
            yield job.position, Completion.refused(refusal)

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text``, exactly, without those of the chat template."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def measure_speed(self) -> float:
        """Tokens a second written in full batches; measured once, in seconds.

        Counted in neither ``usage`` nor ``budget``.
        """
        if not self._speed:
            request = Request((Message("user", _SPEED_PROMPT),), max_new_tokens=12)
            jobs = [self._prepare(row, request) for row in range(self.batch_size)]
            started = time.perf_counter()
            written = sum(row.size(0) for row in self._generate(jobs))
            self._speed = written / (time.perf_counter() - started)
        return self._speed

    def score(
        self,
        prompts: Sequence[Request | str],
        candidates: Sequence[str],
        *,
        normalize: bool = False,
    ) -> Tensor:
        """Log-probability of each candidate as the continuation of each prompt.

        The prompt is read once and shared by its candidates
        (:func:`~graphllm.llm.scoring.score_candidates`). A request is rendered as a
        chat and the candidate is the beginning of the answer; a string is continued
        as it stands. How text is split where both meet is told at
        :func:`~graphllm.llm.scoring.split_ids`. No token after the candidate is
        scored, so of ``"art"`` and ``"artist"`` the shorter is never less likely;
        end the candidates with a full stop where one begins another.

        Args:
            prompts (Sequence[Request or str]): The prompts; of a request the
                messages are read.
            candidates (Sequence[str]): The continuations, the same for all.
            normalize (bool, optional): Divide by the number of tokens of the
                candidate. (default: :obj:`False`)

        Returns:
            Tensor: Of shape ``(len(prompts), len(candidates))``, float32.

        Raises:
            PromptError: If a prompt or candidate is empty or does not fit into the
                context.
            SpendingLimitError: If ``budget`` does not allow it.
        """
        rows = []
        with Stopwatch(self.usage):
            for prompt in prompts:
                if isinstance(prompt, str):
                    text, special = prompt, True
                else:
                    text, special = self._render(prompt)
                prefix, tails = split_ids(self.tokenizer, text, candidates, special)
                rows.append(self._score(prefix, tails, normalize))
        return torch.stack(rows) if rows else torch.empty(0, len(candidates))

    def _score(
        self, prefix: list[int], tails: list[list[int]], normalize: bool
    ) -> Tensor:
        if not tails:
            return torch.empty(0)
        width = len(prefix) + max(map(len, tails))
        self._check_fits(width - 1)
        read = len(prefix) + sum(map(len, tails))
        reservation = self.budget.reserve(read, 0)
        rows = max(1, self.max_batch_tokens // width)
        scores = score_candidates(self.language_model, prefix, tails, rows)
        self._count(reservation, read, 0)
        lengths = torch.tensor([len(tail) for tail in tails])
        return scores / lengths if normalize else scores

    def _render(self, request: Request) -> tuple[str, bool]:
        # A chat template writes out the special tokens that a tokenizer adds to text.
        has_template = bool(getattr(self.tokenizer, "chat_template", None))
        return render_chat(self.tokenizer, request.messages), not has_template

    def _prepare(self, position: int, request: Request) -> "_Job":
        text, special = self._render(request)
        ids = self.tokenizer(text, add_special_tokens=special)["input_ids"]
        if not ids:
            raise PromptError("the prompt is empty")
        self._check_fits(len(ids))
        room = self.context_length - len(ids)
        return _Job(position, request, ids, min(request.max_new_tokens, room))

    def _check_fits(self, length: int) -> None:
        if length >= self.context_length:
            raise PromptError(
                f"the prompt has {length} tokens and the model's context only "
                f"{self.context_length}; shorten the prompt"
            )

    def _take(self, waiting: deque["_Job"]) -> tuple[list["_Job"], str]:
        batch: list[_Job] = []
        limit = 0
        while waiting and len(batch) < self.batch_size:
            job = waiting[0]
            limit = max(limit, job.limit)
            # The longest prompt came first: it gives the width of all.
            width = len((batch or [job])[0].ids) + limit
            if batch and (len(batch) + 1) * width > self.max_batch_tokens:
                break
            try:
                job.reservation = self.budget.reserve(len(job.ids), job.limit)
            except SpendingLimitError as error:
                # What the batch leaves unused may be enough for the next.
                return batch, str(error)
            batch.append(waiting.popleft())
        return batch, ""

    def _answer(self, jobs: list["_Job"]) -> Iterator[tuple[int, Completion]]:
        started = time.perf_counter()
        rows = self._generate_in_memory(jobs)
        seconds = (time.perf_counter() - started) / len(jobs)
        answers = [
            self._read(job, row, seconds) for job, row in zip(jobs, rows, strict=True)
        ]
        for job, answer in zip(jobs, answers, strict=True):
            yield job.position, answer

    def _generate_in_memory(self, jobs: list["_Job"]) -> list[Tensor | None]:
        try:
            return list(self._generate(jobs))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, whose traceback would keep the tensors alive.
        if len(jobs) == 1:
            return [None]
        half = len(jobs) // 2
        width = len(jobs[0].ids) + max(job.limit for job in jobs)
        self.max_batch_tokens = min(self.max_batch_tokens, half * width)
        return [
            *self._generate_in_memory(jobs[:half]),
            *self._generate_in_memory(jobs[half:]),
        ]

    def _generate(self, jobs: list["_Job"]) -> list[Tensor]:
        return generate_rows(
            self.language_model,
            self.tokenizer,
            [job.request for job in jobs],
            [job.ids for job in jobs],
            [job.limit for job in jobs],
            self._ends,
        )

    def _read(self, job: "_Job", row: Tensor | None, seconds: float) -> Completion:
        read = len(job.ids)
        if row is None:
            self._count(job.reservation, read, 0, failures=1)
            return Completion.failed(
                f"out of memory at one request of {read} prompt tokens and up to "
                f"{job.limit} new ones",
                prompt_tokens=read,
            )
        length = answer_length(row, self.tokenizer, self._ends)
        text = self.tokenizer.decode(row[:length], skip_special_tokens=True)
        text, stopped = cut(text, job.request.stop)
        # The end token was written too.
        written = length if stopped else min(length + 1, len(row))
        if not text.strip():
            self._count(job.reservation, read, written, failures=1)
            return Completion.failed("empty answer", prompt_tokens=read)
        self._count(job.reservation, read, written)
        return Completion(
            text,
            finish_reason="stop" if stopped or length < len(row) else "length",
            prompt_tokens=read,
            completion_tokens=written,
            seconds=seconds,
        )

    def _count(
        self,
        reservation: Reservation | None,
        read: int,
        written: int,
        failures: int = 0,
    ) -> None:
        if reservation is not None:
            reservation.settle(read, written)
        self.usage.calls += 1
        self.usage.prompt_tokens += read
        self.usage.completion_tokens += written
        self.usage.failures += failures
        self.usage.cost += self.price.of(read, written)


@dataclass
class _Job:
    """A request on its way through the model."""

    position: int
    request: Request
    ids: list[int]
    limit: int
    reservation: Reservation | None = None

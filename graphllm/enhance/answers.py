"""Asking, reading and counting the answers for a set of nodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphllm.llm import LLM, Completion, Request
from graphllm.prompts import NodeView, Template, render, repair_request

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Question:
    """One prompt for one node, rendered."""

    view: NodeView
    template: Template
    request: Request


@dataclass(frozen=True)
class Answer:
    """What came back for one prompt and one node.

    Args:
        node (int): The node.
        template (str): ``name@version`` of the prompt.
        raw (str): The untouched answer.
        ok (bool): Whether the answer kept its contract.
        text (str): The added knowledge in words; empty unless ``ok``.
        error (str, optional): Why there is no answer at all.
        parts (tuple): What the encoder reads: texts with weights that add up to
            one. Empty where the answer adds no words.
        chosen (tuple[int, ...], optional): Of an answer that picks neighbours, their
            nodes.
    """

    node: int
    template: str
    raw: str
    ok: bool
    text: str
    error: str | None = None
    parts: tuple[tuple[str, float], ...] = ()
    chosen: tuple[int, ...] | None = None


def complete(
    llm: LLM, requests: Sequence[Request], progress: Progress | None = None
) -> list[Completion]:
    """``llm.complete`` that reports each answer as it arrives.

    Args:
        llm (LLM): Any object with ``complete``; one with ``stream`` reports as it
            goes, others once at the end.
        requests (Sequence[Request]): What to ask.
        progress (Callable, optional): Called with (answers so far, all).

    Returns:
        list[Completion]: In the order of the requests.
    """
    stream = getattr(llm, "stream", None)
    if progress is None or stream is None:
        done = llm.complete(requests)
        if progress is not None:
            progress(len(done), len(requests))
        return done
    answers: dict[int, Completion] = {}
    for position, completion in stream(requests):
        answers[position] = completion
        progress(len(answers), len(requests))
    return [answers[position] for position in range(len(requests))]


def ask(
    llm: LLM,
    questions: Sequence[Question],
    repair: bool = False,
    progress: Progress | None = None,
) -> list[Answer]:
    """Ask every question and read the answers.

    Args:
        llm (LLM): Who answers.
        questions (Sequence[Question]): What to ask.
        repair (bool, optional): Whether an answer that broke its contract is asked
            for once more, quoting what was wrong. (default: :obj:`False`)
        progress (Callable, optional): Called with (answers so far, all).

    Returns:
        list[Answer]: In the order of the questions; failures are values.
    """
    completions = complete(llm, [q.request for q in questions], progress)
    answers = [_read(q, c) for q, c in zip(questions, completions, strict=True)]
    broken = [i for i, a in enumerate(answers) if not a.ok and a.error is None]
    if repair and broken:
        retries = [
            repair_request(
                questions[i].template,
                questions[i].request,
                answers[i].raw,
                questions[i].view,
            )
            for i in broken
        ]
        for i, completion in zip(broken, llm.complete(retries), strict=True):
            second = _read(questions[i], completion)
            if second.ok:
                answers[i] = second
    return answers


@dataclass(frozen=True)
class Asker:
    """Who is asked, and how.

    Args:
        llm (LLM): Who answers.
        seed (int): Seed of whatever is drawn to be shown.
        max_prompt_tokens (int): Token budget of a prompt.
        repair (bool): See :func:`ask`.
        progress (Callable, optional): Called with (answers so far, all).
    """

    llm: LLM
    seed: int = 0
    max_prompt_tokens: int = 1024
    repair: bool = False
    progress: Progress | None = None

    def question(
        self, template: Template, view: NodeView, max_new_tokens: int | None = None
    ) -> Question:
        """Write one question within the token budget; asks nothing."""
        request = render(
            template,
            view,
            count_tokens=getattr(self.llm, "count_tokens", None),
            max_prompt_tokens=self.max_prompt_tokens,
            max_new_tokens=max_new_tokens,
        )
        return Question(view, template, request)

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask and read; in the order of the questions."""
        return ask(self.llm, questions, self.repair, self.progress)


def _read(question: Question, completion: Completion) -> Answer:
    node, template = question.view.node, question.template
    if not completion.ok:
        return Answer(node, template.id, "", False, "", completion.error)
    parsed = template.parser(completion.text, question.view)
    if not parsed.ok:
        return Answer(node, template.id, completion.text, False, "")
    return Answer(
        node,
        template.id,
        completion.text,
        True,
        template.to_text(parsed.value),
        parts=template.parts(parsed.value),
    )

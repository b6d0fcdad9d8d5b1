"""What answers cost when they were made, wherever they come from now."""

from collections.abc import Iterator, Sequence

from graphllm.llm import LLM, Backend, Completion, Price, Request, Usage


class MeteredLLM(Backend):
    """Wraps a language model: counts what its answers cost, and asks nothing twice.

    A cached answer keeps the tokens it took, so the count is the same whether or not
    a run found its answers in the cache.

    Args:
        llm (LLM): Who answers.
    """

    def __init__(self, llm: LLM) -> None:
        self.llm = llm
        self.model = getattr(llm, "model", type(llm).__name__)
        inner = getattr(llm, "llm", llm)
        self.price: Price = getattr(inner, "price", None) or Price()
        self._answers: dict[tuple[Request, int | None], Completion] = {}

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield remembered answers first, then those of the model."""
        new: list[int] = []
        for position, request in enumerate(requests):
            known = self._answers.get((request, request.node))
            if known is None:
                new.append(position)
            else:
                yield position, known
        asked = [requests[position] for position in new]
        stream = getattr(self.llm, "stream", None)
        done = stream(asked) if stream else enumerate(self.llm.complete(asked))
        for index, answer in done:
            if answer.ok:
                self._answers[asked[index], asked[index].node] = answer
            yield new[index], answer

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text``, as the model counts them."""
        count = getattr(self.llm, "count_tokens", None)
        return int(count(text)) if count else super().count_tokens(text)

    def usage_of(self, template: str | None = None) -> Usage:
        """What the answers cost, had none been cached.

        Args:
            template (str, optional): ``name@version``; only its answers.

        Returns:
            Usage: Equal questions count once, wherever their nodes are.
        """
        answers = {
            request: answer
            for (request, _), answer in self._answers.items()
            if template in (None, request.template)
        }
        read = sum(answer.prompt_tokens for answer in answers.values())
        written = sum(answer.completion_tokens for answer in answers.values())
        return Usage(
            calls=len(answers),
            prompt_tokens=read,
            completion_tokens=written,
            cost=self.price.of(read, written),
        )

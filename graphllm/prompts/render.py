"""From a template and a node to a request that fits a token budget."""

from collections.abc import Callable

from graphllm.errors import PromptError
from graphllm.llm.base import Message, Request
from graphllm.prompts.clean import Words, quote
from graphllm.prompts.domain import find_domain
from graphllm.prompts.fields import DOMAIN_FIELDS, field_names, fill
from graphllm.prompts.template import NodeView, Template

#: A neighbour snippet keeps at least this many words; then the node text shrinks.
MIN_SNIPPET_WORDS = 5
#: What a chat template adds around one message, at most, in the usual formats.
TOKENS_PER_MESSAGE = 8
#: Text beyond this many characters a token of the budget is never tokenized; no
#: natural text comes near it.
MAX_CHARS_PER_TOKEN = 16
#: Share of the answer's tokens that ``{max_words}`` asks for, so that an answer
#: ends before it is cut.
WORDS_PER_TOKEN = 0.6


def render(
    template: Template,
    view: NodeView,
    *,
    count_tokens: Callable[[str], int] | None = None,
    max_prompt_tokens: int = 1024,
    max_new_tokens: int | None = None,
) -> Request:
    """Write the question that a template asks about one node.

    Where the prompt is too long, the neighbour snippets lose words first, all down
    to the same number of words and to no less than five; then the node text loses
    words, down to one. Words are dropped from the end, stay whole and leave an
    ellipsis. The instruction, the class names and the number of neighbours never
    change. Neighbour labels appear only in templates marked ``label_aware``.

    Args:
        template (Template): What to ask.
        view (NodeView): What the prompt may see.
        count_tokens (Callable, optional): Tokens of a string, for example the
            ``count_tokens`` of a backend. It is called once or twice where all text
            fits, and up to a few dozen times where it has to be cut.
            (default: four characters a token)
        max_prompt_tokens (int, optional): Limit for the whole prompt; eight tokens
            a message are set aside for the marks of the chat format.
            (default: :obj:`1024`)
        max_new_tokens (int, optional): Limit of the answer.
            (default: that of the template)

    Returns:
        Request: Greedy, with ``template`` and ``node`` set.

    Raises:
        PromptError: If the view lacks what the template needs, or the part that
            may not shrink is too long.
    """
    limit = template.max_new_tokens if max_new_tokens is None else max_new_tokens
    if limit < 1:
        raise PromptError(f"'max_new_tokens' must be at least 1 (got {limit})")
    _check_view(template, view)
    count = count_tokens or (lambda text: (len(text) + 3) // 4)
    values = _fixed_values(template, view, limit)
    max_chars = MAX_CHARS_PER_TOKEN * max(max_prompt_tokens, 1)
    words = Words(view.text, max_chars)
    snippets = [Words(text, max_chars) for text in view.neighbors]

    system = fill(template.system, values) if template.system else ""

    def question(num_words: int, cap: int) -> str:
        text = words.first(num_words) if len(words) else "(no text)"
        listed = _numbered(template, view, snippets, cap)
        return fill(template.user, values | {"text": text, "neighbors": listed})

    around = count(system) + TOKENS_PER_MESSAGE if system else 0

    def cost(num_words: int, cap: int) -> int:
        return around + count(question(num_words, cap)) + TOKENS_PER_MESSAGE

    longest = max((len(each) for each in snippets), default=0)
    num_words, cap = _fit(template, cost, len(words), longest, max_prompt_tokens)
    user = Message("user", question(num_words, cap))
    return Request(
        (Message("system", system), user) if system else (user,),
        max_new_tokens=limit,
        template=template.id,
        node=view.node,
    )


def _fit(
    template: Template,
    cost: Callable[[int, int], int],
    num_words: int,
    cap: int,
    limit: int,
) -> tuple[int, int]:
    """Words of the node text and words of each snippet that fit the limit."""
    if cost(num_words, cap) <= limit:
        return num_words, cap
    floor = min(cap, MIN_SNIPPET_WORDS)
    fitting = _largest(floor, cap, lambda n: cost(num_words, n) <= limit)
    if fitting >= 0:
        return num_words, fitting
    least = min(num_words, 1)
    fitting = _largest(least, num_words, lambda n: cost(n, floor) <= limit)
    if fitting >= 0:
        return fitting, floor
    raise PromptError(
        f"template '{template.id}' needs {cost(least, floor)} tokens before any text, "
        f"the limit is {limit}; raise max_prompt_tokens or show fewer neighbours or "
        "class names"
    )


def form_of(template: Template, view: NodeView, max_new_tokens: int) -> str:
    """The noun phrase that says what an answer must look like."""
    return fill(template.form, _shared_values(view, max_new_tokens))


def _shared_values(view: NodeView, max_new_tokens: int) -> dict[str, str]:
    names = [quote(name) for name in view.label_names]
    separator = "; " if any("," in name for name in names) else ", "
    generic = find_domain("generic")
    values = {name: str(getattr(generic, name)) for name in DOMAIN_FIELDS}
    values["labels"] = separator.join(names)
    values["max_words"] = str(max(1, int(WORDS_PER_TOKEN * max_new_tokens)))
    return values


def _fixed_values(
    template: Template, view: NodeView, max_new_tokens: int
) -> dict[str, str]:
    values = _shared_values(view, max_new_tokens)
    values["form"] = fill(template.form, values)
    return values


def _check_view(template: Template, view: NodeView) -> None:
    used = field_names(template.system) | field_names(template.user)
    wanted = used | field_names(template.form) if "form" in used else used
    problem = ""
    if {"text", "neighbors"} & field_names(template.system):
        problem = "has node or neighbour texts in 'system'; move them to 'user'"
    elif "form" in used and not template.form:
        problem = "follows up on the answer to another template; use repair_request"
    elif "labels" in wanted and not view.label_names:
        problem = "needs class names; set data.label_names"
    elif "neighbors" in used and not view.neighbors:
        problem = f"needs neighbour texts and node {view.node} has none"
    elif view.neighbor_labels and len(view.neighbor_labels) != len(view.neighbors):
        problem = (
            f"was given {len(view.neighbor_labels)} neighbour labels for "
            f"{len(view.neighbors)} neighbours; give one each, None where unknown"
        )
    if problem:
        raise PromptError(f"template '{template.id}' {problem}")


def _numbered(
    template: Template, view: NodeView, snippets: list[Words], cap: int
) -> str:
    lines = []
    labels = view.neighbor_labels if template.label_aware else ()
    for index, snippet in enumerate(snippets):
        label = labels[index] if labels else None
        mark = f" (category: {quote(label)})" if label else ""
        lines.append(f'{index + 1}. "{snippet.first(cap)}"{mark}')
    return "\n".join(lines)


def _largest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Largest number in ``[low, high]`` that fits, -1 if ``low`` does not."""
    if not fits(low):
        return -1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low

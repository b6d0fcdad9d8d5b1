"""A prompt is data with a name and a version."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True)
class NodeView:
    """What a prompt may see of one node. The node's own label is not in here.

    Args:
        node (int): Node id; information only, never rendered.
        text (str): The node's own text.
        neighbors (tuple[str, ...]): Texts of some neighbours.
        neighbor_labels (tuple[str | None, ...]): Label names of the same neighbours,
            ``None`` where unknown or not to be told. Empty: no labels are shown.
        label_names (tuple[str, ...]): Every class name of the task.
    """

    node: int
    text: str
    neighbors: tuple[str, ...] = ()
    neighbor_labels: tuple[str | None, ...] = ()
    label_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parsed(Generic[Value]):
    """What a parser read from an answer.

    ``ok`` is false when the answer broke its contract; then ``value`` is ``None``
    and nothing was guessed. ``raw`` is always the untouched answer.
    """

    value: Value | None
    ok: bool
    raw: str


Parser = Callable[[str, NodeView], Parsed[object]]


@dataclass(frozen=True)
class Template:
    """One prompt of the catalogue.

    ``system`` and ``user`` are ``str.format`` strings over the fields ``{text}``,
    ``{labels}``, ``{neighbors}``, ``{item}``, ``{items}``, ``{field}``,
    ``{relation}`` and ``{max_words}``. Only ``{text}`` and the snippets in
    ``{neighbors}`` are ever shortened to fit a token budget. ``{form}`` is the
    ``form`` of this template, itself a pattern.

    Args:
        name (str): Family, for example ``"expand"``.
        version (int): Raised whenever the wording changes: answers of another
            version are other answers.
        system (str): System message, without ``{text}`` and ``{neighbors}``; empty
            for none.
        user (str): User message.
        parser (Parser): Reads the answer; never guesses.
        to_text (Callable): Turns a parsed value into the words that an encoder
            shall read as the node's added knowledge.
        weigh (Callable, optional): For answers that rank: the texts to encode apart,
            each with a positive weight. An encoder that reads "A, B" as one text
            cannot tell the first choice from the second.
        enriches (bool): Whether the answer adds words to the node. One that only
            picks neighbours does not, and cannot enhance features.
        label_aware (bool): Whether class names appear in the prompt. Label-aware
            answers carry the class vocabulary into the features: report them apart.
        needs_neighbors (bool): Whether ``{neighbors}`` is used.
        max_new_tokens (int): Upper limit of the answer.
        form (str): What an answer must look like, as a noun phrase: ``"a JSON list
            of numbers"``. Said again when an answer has to be repaired.
    """

    name: str
    version: int
    system: str
    user: str
    parser: Parser
    to_text: Callable[[object], str] = field(default=str)
    label_aware: bool = False
    needs_neighbors: bool = False
    max_new_tokens: int = 128
    form: str = ""
    weigh: Callable[[object], Sequence[tuple[str, float]]] | None = None
    enriches: bool = True

    @property
    def id(self) -> str:
        """``name@version``, as it stands in cache keys and provenance."""
        return f"{self.name}@{self.version}"

    def parts(self, value: object) -> tuple[tuple[str, float], ...]:
        """The texts that an encoder shall read, with weights that add up to one."""
        if self.weigh is None:
            text = self.to_text(value)
            return ((text, 1.0),) if text else ()
        weighted = self.weigh(value)
        total = sum(weight for _, weight in weighted)
        return tuple((text, weight / total) for text, weight in weighted)

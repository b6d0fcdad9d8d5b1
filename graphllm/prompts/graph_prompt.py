"""Questions about a graph that reaches the language model as vectors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from graphllm.errors import PromptError
from graphllm.llm import Message
from graphllm.prompts.domain import Domain, find_domain

GRAPH = "<graph>"
TEXT = "<text>"
Task = Literal["nc", "lp", "desc"]

SYSTEM = (
    "You answer questions about graphs. A graph is given as a sequence of vectors: "
    "the node in the centre first, then its surroundings."
)


@dataclass(frozen=True)
class GraphPrompt:
    """A question with places for graphs, the constant part first.

    Everything before the first place is the same for all nodes, so a frozen language
    model reads it once (:class:`graphllm.LLaGA` keeps its keys and values). The
    authors' prompts put the graph in front of the class list, where nothing can be
    shared.

    Args:
        name (str): Short name, ``"nc"`` for example.
        system (str): System turn; may be empty.
        instruction (str): What is asked, class list included. Without places.
        question (str): What differs from node to node: ``<graph>`` stands for one
            node's vectors, ``<text>`` (after the graphs, if there are any) for a
            node's own text.
        candidates (Sequence[str]): The possible answers, where they are known; kept
            as a tuple.
        version (int): To be raised when the wording changes.

    Raises:
        PromptError: If places are missing, in the constant part, or out of order, if
            there are two for a text, or if a candidate is empty or given twice.
    """

    name: str
    system: str
    instruction: str
    question: str
    candidates: Sequence[str] = ()
    version: int = 1

    def __post_init__(self) -> None:
        """Check places and candidates."""
        # A list cannot be hashed, and prompts are keys.
        object.__setattr__(self, "candidates", tuple(self.candidates))
        for place in (GRAPH, TEXT):
            if place in self.instruction or place in self.system:
                raise PromptError(
                    f"'{place}' belongs into the question of prompt '{self.name}', not "
                    "into its constant part (is it in the name of a class?)"
                )
        if self.num_graphs == 0 and not self.has_text:
            raise PromptError(
                f"the question of prompt '{self.name}' has neither '{GRAPH}' nor "
                f"'{TEXT}'"
            )
        if self.question.count(TEXT) > 1:
            raise PromptError(f"prompt '{self.name}' quotes '{TEXT}' more than once")
        if self.has_text and self.question.rfind(GRAPH) > self.question.find(TEXT):
            raise PromptError(f"'{TEXT}' must come after '{GRAPH}' in a question")
        empty = any(not candidate.strip() for candidate in self.candidates)
        if empty or len(set(self.candidates)) < len(self.candidates):
            raise PromptError(
                f"the candidates of prompt '{self.name}' must be distinct and not "
                f"empty, got {list(self.candidates)}"
            )

    @property
    def num_graphs(self) -> int:
        """Places for graphs."""
        return self.question.count(GRAPH)

    @property
    def has_text(self) -> bool:
        """Whether the question quotes the node's own text."""
        return TEXT in self.question

    @property
    def messages(self) -> tuple[Message, ...]:
        """The chat, places not filled in."""
        user = Message("user", f"{self.instruction}\n{self.question}")
        return (Message("system", self.system), user) if self.system else (user,)


def classification_prompt(
    label_names: Sequence[str], domain: str | Domain = "generic"
) -> GraphPrompt:
    """Node classification: one graph, answered by the name of a class.

    Names stand one a line, so commas in them are no separators.

    Args:
        label_names (Sequence[str]): Names of the classes.
        domain (str or Domain, optional): Wording. (default: :obj:`"generic"`)

    Raises:
        PromptError: If there are no names, or one is empty or given twice.
    """
    if not label_names:
        raise PromptError("node classification needs the names of the classes")
    words = find_domain(domain)
    listed = "\n".join(f"- {name}" for name in label_names)
    return GraphPrompt(
        name="nc",
        system=SYSTEM,
        instruction=(
            f"Each node is one {words.item}; its surroundings are {words.items} "
            f"{words.relation}. Name the {words.field} of the {words.item} in the "
            f"centre, one of:\n{listed}\nReply with the name alone."
        ),
        question=f"{words.item.capitalize()}: {GRAPH}",
        candidates=tuple(label_names),
    )


def link_prompt(domain: str | Domain = "generic") -> GraphPrompt:
    """Link prediction: two graphs, answered by yes or no.

    Args:
        domain (str or Domain, optional): Wording. (default: :obj:`"generic"`)
    """
    words = find_domain(domain)
    return GraphPrompt(
        name="lp",
        system=SYSTEM,
        instruction=(
            f"Each node is one {words.item}; its surroundings are {words.items} "
            f"{words.relation}. Are the {words.items} in the two centres linked to "
            "each other? Reply with yes or no."
        ),
        question=f"First: {GRAPH} second: {GRAPH}",
        candidates=("yes", "no"),
    )


def description_prompt(domain: str | Domain = "generic") -> GraphPrompt:
    """Node description: one graph, answered by a sentence.

    Args:
        domain (str or Domain, optional): Wording. (default: :obj:`"generic"`)
    """
    words = find_domain(domain)
    return GraphPrompt(
        name="desc",
        system=SYSTEM,
        instruction=(
            f"Each node is one {words.item}; its surroundings are {words.items} "
            f"{words.relation}. Describe the {words.item} in the centre in one "
            f"sentence: its {words.field}, and what it is about."
        ),
        question=f"{words.item.capitalize()}: {GRAPH}",
    )


def with_text(prompt: GraphPrompt) -> GraphPrompt:
    """The same question with the node's own text after its graph."""
    question = f"{prompt.question}\nIts text: {TEXT}"
    return replace(prompt, name=f"{prompt.name}+text", question=question)


def text_only(prompt: GraphPrompt) -> GraphPrompt:
    """The same question about the node's own text, without any graph."""
    # A model that sees no vectors should not be told that there are some.
    name = f"{prompt.name}-text"
    return replace(prompt, name=name, system="", question=f"Its text: {TEXT}")

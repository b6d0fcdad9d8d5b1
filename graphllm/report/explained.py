"""What one answer rests on: its graph tokens as drawings and as a list."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphllm.report.figures import clip
from graphllm.report.html import Safe, table, tag
from graphllm.report.numbers import fields, finite
from graphllm.report.trees import Token, hops_svg, parents_of, strongest, tree_svg

MAX_LISTED = 5
MAX_LEVELS = 12
# Width and most leaves of a tree: alone on a wide screen, and elsewhere.
WIDE, NARROW = (900, 40), (420, 18)
ENDS = ("first node", "second node")


class Entry(NamedTuple):
    """One graph token as a result has it."""

    graph: int
    position: int
    parent: int
    hops: int
    node: int
    attribution: float
    again: bool  # a node that is also the root of its tree


def entries_of(told: Mapping[str, Any]) -> list[Entry]:
    """Every graph token of an explanation, PAD left out; none where it is broken.

    Args:
        told (Mapping): As :mod:`graphllm.experiments.llaga.explanations` makes it.
    """
    spec = fields(told.get("template"))
    entries: list[Entry] = []
    graphs = zip(
        _lists(told.get("nodes")), _lists(told.get("attribution")), strict=False
    )
    for graph, (nodes, parts) in enumerate(graphs):
        parents = _parents(spec, len(nodes))
        if parents is None or len(parts) != len(nodes):
            return []
        hops: list[int] = []
        for parent in parents:
            hops.append(0 if parent < 0 else hops[parent] + 1)
        entries += [
            Entry(
                *(graph, place, parents[place], hops[place], node),
                *(finite(part) or 0.0, node == nodes[0]),
            )
            for place, (node, part) in enumerate(zip(nodes, parts, strict=True))
            if isinstance(node, int) and node >= 0
        ]
    return entries


def _parents(spec: Mapping[str, Any], count: int) -> list[int] | None:
    """Parent of each position; a chain where the template is one."""
    if spec.get("name") == "ho":
        return list(range(-1, count - 1))
    fan_outs = _list(spec.get("num_neighbors"))
    width = positions = 1
    for each in fan_outs[:MAX_LEVELS]:
        width *= each if isinstance(each, int) and each > 0 else count
        positions += width
    fits = 0 < len(fan_outs) <= MAX_LEVELS and positions == count
    return parents_of(fan_outs) if fits else None


def _list(values: object) -> Sequence[Any]:
    return values if isinstance(values, list | tuple) else []


def _lists(values: object) -> list[Sequence[Any]]:
    return [each for each in _list(values) if isinstance(each, list | tuple)]


def drawings(
    told: Mapping[str, Any], entries: list[Entry], texts: Mapping[str, Any]
) -> Safe:
    """Trees, side by side for a pair, with their strongest tokens; or chains of hops.

    Args:
        told (Mapping): The explanation.
        entries (list[Entry]): Its tokens, at least one.
        texts (Mapping): Beginning of the text of each node, by its id as a string.
    """
    chain = fields(told.get("template")).get("name") == "ho"
    listed = sorted(entries, key=lambda entry: -abs(entry.attribution))[:MAX_LISTED]
    largest = abs(listed[0].attribution) or 1.0
    marks = {} if chain else {each: str(n) for n, each in enumerate(listed, 1)}
    graphs: dict[int, list[Token]] = {}
    for entry in entries:
        text = clip(texts.get(str(entry.node), ""), 140)
        part = _signed(entry.attribution)
        # Behind a hop are many nodes: it has no text of its own.
        about = f"{entry.hops} hops" if chain else f"node {entry.node}, {_where(entry)}"
        graphs.setdefault(entry.graph, []).append(
            Token(
                entry.position,
                entry.parent,
                entry.attribution / largest,
                part,
                f"{about}: {part}" + ("" if chain else f"\n{text}"),
                marks.get(entry, ""),
            )
        )
    several = len(graphs) > 1
    weights = [0.0, *(entry.attribution / largest for entry in entries)]
    figures = []
    for graph, tokens in graphs.items():
        heading = ENDS[graph] if several and graph < 2 else ""
        if chain:
            drawn = _chain(tokens, min(weights), max(weights))
        else:
            drawn = _tree(tokens, alone=not several)
        label = tag("div", heading, class_="label") if heading else ""
        limit = "max-width:30rem" if chain else ""
        figures.append(tag("figure", label, drawn, style=limit))
    body = tag("div", *figures, class_="pair") if several else figures[0]
    if chain:
        return body
    return Safe.join_all([body, _strongest_table(listed, several, texts)])


def _chain(tokens: list[Token], low: float, high: float) -> Safe:
    alt = "part of each hop in the answer: " + ", ".join(t.label for t in tokens)
    drawing = hops_svg(tokens, NARROW[0], low, high)
    return tag("div", drawing, role="img", aria_label=alt)


def _tree(tokens: list[Token], *, alone: bool) -> Safe:
    """Drawn for wide and for narrow screens, where nothing stands beside it."""
    alt = "tree of neighbours, coloured by their part in the answer"
    sizes = {"wide": WIDE, "narrow": NARROW} if alone else {"both": NARROW}
    drawings = []
    for kind, (width, leaves) in sizes.items():
        shown = strongest(tokens, leaves)
        hidden = len(tokens) - len(shown)
        note = tag("figcaption", f"{hidden} weaker positions are not drawn.")
        drawing = tag("div", tree_svg(shown, width), role="img", aria_label=alt)
        drawings.append(tag("div", drawing, note if hidden else "", class_=kind))
    return Safe.join_all(drawings)


def _strongest_table(
    listed: list[Entry], several: bool, texts: Mapping[str, Any]
) -> Safe:
    rows = []
    for number, entry in enumerate(listed, 1):
        token = f"node {entry.node}, {_where(entry)}"
        if several and entry.graph < 2:
            token += f" ({ENDS[entry.graph]})"
        text = clip(texts.get(str(entry.node), ""), 100)
        rows.append([str(number), token, text, _signed(entry.attribution)])
    return table(["", "token", "text", "part"], rows, numeric_from=3)


def _where(entry: Entry) -> str:
    if entry.hops == 0:
        return "the node itself"
    if entry.again:
        return "the node itself once more"
    return "neighbour" if entry.hops == 1 else f"{entry.hops} hops away"


def _signed(value: float) -> str:
    places = 2 if abs(value) >= 0.1 else 3
    shown = f"{value:+.{places}f}".replace("-", "−")
    return shown if shown.strip("+−0.") else "0"

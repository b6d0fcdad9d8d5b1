"""Graph tokens drawn as what they stand for: a tree of neighbours, a chain of hops."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from graphllm.report.html import Safe, tag

FOR, AGAINST = "var(--method)", "var(--control)"
LEVEL = 62  # from one level of a tree to the next, in units of the drawing
ROW = 30  # height of a hop
MARGIN = 16
LARGEST = 11.0


class Token(NamedTuple):
    """One graph token of a question.

    Args:
        position (int): Where it stands in its sequence.
        parent (int): Position of its parent in the tree, -1 for the root.
        weight (float): Its attribution over the largest of the question, in [-1, 1].
        label (str): Its attribution in figures.
        title (str): What is shown when it is pointed at.
        mark (str): Number under which it is listed below; may be empty.
    """

    position: int
    parent: int
    weight: float
    label: str
    title: str
    mark: str = ""


def parents_of(fan_outs: Sequence[int]) -> list[int]:
    """Position of the parent of each position of a tree, level by level."""
    parents, first, width = [-1], 0, 1
    for count in fan_outs:
        parents += [first + place // count for place in range(width * count)]
        first, width = first + width, width * count
    return parents


def strongest(tokens: Sequence[Token], max_leaves: int) -> list[Token]:
    """The tokens to draw: by weight, each with its ancestors, so many leaves.

    Args:
        tokens (Sequence[Token]): Of one tree, by position, ancestors included.
        max_leaves (int): Most tokens without a child in the drawing.

    Returns:
        list[Token]: By position; the root is always among them.
    """
    known = {token.position: token for token in tokens}
    children = dict.fromkeys(known, 0)
    kept: set[int] = set()
    leaves = 0
    for token in sorted(tokens, key=lambda t: (t.parent >= 0, -abs(t.weight))):
        path = []
        position = token.position
        while position in known and position not in kept:
            path.append(position)
            position = known[position].parent
        # A path that hangs on what was a leaf adds none.
        grows = bool(path) and (position not in kept or children[position] > 0)
        if leaves + grows > max_leaves:
            continue
        leaves += grows
        kept.update(path)
        for each in path:
            parent = known[each].parent
            if parent in children:
                children[parent] += 1
    return [token for token in tokens if token.position in kept]


def tree_svg(tokens: Sequence[Token], width: int) -> Safe:
    """The root on top, a row a level; blue speaks for the answer, orange against it.

    Args:
        tokens (Sequence[Token]): As :func:`strongest` returns them.
        width (int): Of the drawing.
    """
    places, leaves = _places(tokens, width)
    if not places:
        return Safe()
    room = (width - 2 * MARGIN) / max(1, leaves)
    largest = max(4.0, min(LARGEST, room / 2 - 1))
    parents = {token.parent for token in tokens}
    lines: list[Safe] = []
    discs: list[Safe] = []
    for token in tokens:
        if token.position not in places:
            continue
        x, y = places[token.position]
        if token.parent in places:
            above = places[token.parent]
            lines.append(_line(*above, x, y))
        radius = 3.0 + (largest - 3.0) * math.sqrt(abs(token.weight))
        discs.append(_disc(token, x, y, radius))
        if token.mark and token.position in parents:
            discs.append(_text(token.mark, x + radius + 4, y + 4, "start"))
        elif token.mark:
            discs.append(_text(token.mark, x, y + radius + 13, "middle"))
    height = max(y for _, y in places.values()) + LARGEST + 18
    return _svg(width, height, *lines, *discs)


def hops_svg(tokens: Sequence[Token], width: int, low: float, high: float) -> Safe:
    """A chain from the node outwards, a bar a hop.

    Args:
        tokens (Sequence[Token]): The node itself first.
        width (int): Of the drawing.
        low (float): Least weight of the question, zero where all are above.
        high (float): Largest weight of the question, zero where all are below.
    """
    left, gap = 84, 58
    start, end = left + 16 + gap * (low < 0), width - gap * (high > 0) - 4
    unit = (end - start) / ((high - low) or 1.0)
    zero = start - low * unit
    bottom = ROW * len(tokens)
    parts = [
        _line(left, ROW / 2, left, bottom - ROW / 2),
        _line(zero, 0, zero, bottom),
    ]
    for place, token in enumerate(tokens):
        y = ROW * place + ROW / 2
        name = "itself" if place == 0 else f"{place} hop" + "s" * (place > 1)
        long = token.weight * unit
        bar = tag(
            "rect",
            tag("title", token.title),
            x=_number(min(zero, zero + long)),
            y=_number(y - 8),
            width=_number(max(abs(long), 1.0)),
            height=16,
            rx=2,
            fill=AGAINST if token.weight < 0 else FOR,
        )
        side = "end" if token.weight < 0 else "start"
        tip = zero + long + (-6 if token.weight < 0 else 6)
        parts += [
            _text(name, left - 14, y + 4, "end"),
            _disc(token, left, y, 3.0 + 5.0 * math.sqrt(abs(token.weight))),
            bar,
            _text(token.label, tip, y + 4, side),
        ]
    return _svg(width, bottom, *parts)


def _places(
    tokens: Sequence[Token], width: int
) -> tuple[dict[int, tuple[float, float]], int]:
    """Leaves side by side in the order of the tree, parents above their children."""
    children: dict[int, list[int]] = {}
    for token in tokens:
        children.setdefault(token.parent, []).append(token.position)
    across: dict[int, float] = {}
    level: dict[int, int] = {}
    count = 0

    def walk(position: int, depth: int) -> None:
        nonlocal count
        level[position] = depth
        below = children.get(position, [])
        for each in below:
            walk(each, depth + 1)
        if below:
            across[position] = sum(across[each] for each in below) / len(below)
        else:
            across[position] = count + 0.5
            count += 1

    for root in children.get(-1, []):
        walk(root, 0)
    room = (width - 2 * MARGIN) / max(1, count)
    return {
        each: (MARGIN + room * x, MARGIN + LEVEL * level[each])
        for each, x in across.items()
    }, count


def _disc(token: Token, x: float, y: float, radius: float) -> Safe:
    color = AGAINST if token.weight < 0 else FOR
    spot = {"cx": _number(x), "cy": _number(y), "r": _number(radius)}
    return tag(
        "g",
        tag("title", token.title),
        # Keeps the lines from shining through.
        tag("circle", **spot, fill="var(--paper)"),
        tag(
            "circle",
            **spot,
            fill=color,
            fill_opacity=_number(0.12 + 0.88 * abs(token.weight)),
            stroke=color,
        ),
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> Safe:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    place = {name: _number(value) for name, value in ends.items()}
    return tag("line", **place, stroke="var(--rule)")


def _text(words: str, x: float, y: float, anchor: str) -> Safe:
    return tag(
        "text",
        words,
        x=_number(x),
        y=_number(y),
        text_anchor=anchor,
        fill="var(--ink)",
        # A halo, so that no line runs through the words.
        stroke="var(--paper)",
        stroke_width=3,
        paint_order="stroke",
        font_size=13,
    )


def _svg(width: float, height: float, *parts: Safe) -> Safe:
    return tag("svg", *parts, viewBox=f"0 0 {_number(width)} {_number(height)}")


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

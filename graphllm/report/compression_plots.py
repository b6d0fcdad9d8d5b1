"""The plot of a compression: what became of each matrix, and how a repair went."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from graphllm.report.figures import WIDE, Draw, clip, legend_below
from graphllm.report.numbers import fields, finite
from graphllm.report.plots import thin
from graphllm.report.style import light

# Values that differ by less than this share of the largest count as alike.
ALIKE = 0.02
# Matrices of a block drawn as lines; more kinds are told apart on a map only.
MAX_LINES = 2
# Blocks up to which a cell of the map has room for its number.
MAX_NUMBERS = 34
MIN_TINT, MAX_TINT = 0.06, 0.7
MIN_SMOOTHED, SPANS = 40, 20
_ALL = "all matrices"

Layer = Mapping[str, Any]
Kinds = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Quantity:
    """A number that each matrix of a model has.

    Args:
        title (str): What it is, with its unit.
        said (str): The same in a sentence, ``{}`` for the number.
        values (Mapping): Kind of matrix to index of its block to value.
    """

    title: str
    said: str
    values: Kinds

    @property
    def numbers(self) -> list[float]:
        """The values of all matrices."""
        return [value for row in self.values.values() for value in row.values()]

    @property
    def places(self) -> int:
        """Decimals that three characters have room for."""
        return 1 if max(map(abs, self.numbers)) < 9.95 else 0

    @property
    def alike(self) -> float | None:
        """The value that all matrices share, or none where they differ."""
        numbers = self.numbers
        return float(np.mean(numbers)) if numbers and _alike(numbers) else None


def compression_plot(study: Mapping[str, Any]) -> Draw | None:
    """What is left of each matrix, its error, and the loss of the repair.

    A quantity that is the same in all matrices is not drawn.

    Args:
        study (Mapping): ``details["study"]`` of a compression.

    Returns:
        Callable: Width in inches to figure; nothing where there is nothing to draw.
    """
    panels: list[tuple[float, Callable[[Axes, bool], None]]] = []
    for quantity in drawn_of(study):
        if is_map(quantity):
            panels.append((1.0 + 0.27 * len(quantity.values), partial(_map, quantity)))
        else:
            panels.append((2.6, partial(_lines, quantity)))
    losses = losses_of(study)
    if len(losses) > 1:
        panels.append((2.6, partial(_losses, losses)))
    if not panels:
        return None

    def draw(width: float) -> Figure:
        heights = [height for height, _ in panels]
        figure = Figure(figsize=(width, sum(heights)), layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for panel, (_, paint) in zip(axes.flat, panels, strict=True):
            paint(panel, width >= WIDE)
        return figure

    return draw


def caption_of(study: Mapping[str, Any]) -> str:
    """What the panels of :func:`compression_plot` show."""
    drawn = drawn_of(study)
    lines = ["By block, counted from 0."] if drawn else []
    if any(map(is_map, drawn)):
        lines.append("A cell is a matrix; empty where there is none or no number.")
    if any("error" in quantity.title for quantity in drawn):
        lines.append(
            "Relative error: how far the outputs of a matrix on the calibration moved, "
            "against their size, before any repair; its weights where the method reads "
            "no text."
        )
    steps = len(losses_of(study))
    if steps > 1:
        bold = f", bold the means of {SPANS} spans" if steps >= MIN_SMOOTHED else ""
        lines.append(f"Loss: each step{bold}.")
    return " ".join(lines)


def drawn_of(study: Mapping[str, Any]) -> list[Quantity]:
    """The quantities that differ between matrices, each with the kinds it needs."""
    return [
        Quantity(found.title, found.said, _merged(found.values))
        for found in (amount_of(study), error_of(study))
        if found is not None and found.alike is None
    ]


def is_map(quantity: Quantity) -> bool:
    """Whether there are too many kinds of matrices for lines."""
    return len(quantity.values) > MAX_LINES


def amount_of(study: Mapping[str, Any]) -> Quantity | None:
    """What the method changed: zeros, rank, weights or bits; none for skipping."""
    layers = layers_of(study)
    if any(finite(each.get("sparsity")) for each in layers):
        said = "{} % of the weights are zero"
        return _quantity("zeros, %", said, layers, lambda x: _percent(x, "sparsity"))
    if any(finite(each.get("rank")) for each in layers):
        if all(map(full_rank, layers)):
            title, said = "rank that is gone, %", "{} % of the rank is gone"
            return _quantity(title, said, layers, _rank_gone)
        said = "the rank is {}"
        return _quantity("rank", said, layers, lambda x: finite(x.get("rank")))
    shares = [kept_share(each) for each in layers]
    if any(share is not None and share < 1.0 for share in shares):
        said = "{} % of the weights are gone"
        return _quantity("weights that are gone, %", said, layers, _gone)
    said = "a weight takes {} bits, scales included"
    return _quantity("bits a weight", said, layers, lambda x: finite(x.get("bits")))


def error_of(study: Mapping[str, Any]) -> Quantity | None:
    """The relative error of each matrix, where it was measured."""
    said = "the relative error is {} %"
    title = "relative error, %"
    return _quantity(title, said, layers_of(study), lambda x: _percent(x, "error"))


def layers_of(study: Mapping[str, Any]) -> list[Layer]:
    """The reports of layers in blocks; embeddings and head are left out."""
    found = study.get("layers")
    return [
        layer
        for layer in (found if isinstance(found, list | tuple) else [])
        if isinstance(layer, Mapping) and place_of(layer.get("name")) is not None
    ]


def losses_of(study: Mapping[str, Any]) -> list[float]:
    """Loss of each step of the repair, NaN where it is missing."""
    found = fields(study.get("repair")).get("losses")
    losses = [
        finite(each) for each in (found if isinstance(found, list | tuple) else [])
    ]
    known = [loss for loss in losses if loss is not None]
    return [math.nan if loss is None else loss for loss in losses] if known else []


def place_of(name: object) -> tuple[int, str] | None:
    """Index of the block and path in it: ``(3, "mlp.c_fc")``.

    Args:
        name (str): Path of a layer in a model of any family; of a whole block the path
            is ``"block"``.
    """
    parts = str(name).split(".")
    for place, part in enumerate(parts):
        if part.isdecimal() and len(part) < 5:
            return int(part), ".".join(parts[place + 1 :]) or "block"
    return None


def kept_share(layer: Layer) -> float | None:
    """Share of a layer's weights that is left."""
    size, kept = finite(layer.get("parameters")), finite(layer.get("kept_parameters"))
    return kept / size if size and kept is not None else None


def full_rank(layer: Layer) -> float | None:
    r"""The rank that a matrix had, or none where its report does not tell.

    Two factors of rank :math:`r` hold :math:`r (m + n)` of :math:`m n` weights, which
    gives :math:`m` and :math:`n`; a matrix without an error was not reduced.
    """
    rank, size = finite(layer.get("rank")), finite(layer.get("parameters"))
    kept = finite(layer.get("kept_parameters"))
    if not rank or not size or not kept:
        return None
    if kept >= size:
        return rank if finite(layer.get("error")) == 0.0 else None
    both = kept / rank
    return (both - math.sqrt(max(0.0, both * both - 4 * size))) / 2


def _rank_gone(layer: Layer) -> float | None:
    rank, full = finite(layer.get("rank")), full_rank(layer)
    return None if rank is None or not full else 100 * (1 - rank / full)


def _percent(layer: Layer, name: str) -> float | None:
    number = finite(layer.get(name))
    return None if number is None else 100 * number


def _gone(layer: Layer) -> float | None:
    share = kept_share(layer)
    return None if share is None else 100 * (1 - share)


def _quantity(
    title: str,
    said: str,
    layers: Sequence[Layer],
    value_of: Callable[[Layer], float | None],
) -> Quantity | None:
    found: dict[str, dict[int, float]] = {}
    for layer in layers:
        place, value = place_of(layer.get("name")), value_of(layer)
        if place is not None and value is not None:
            found.setdefault(place[1], {})[place[0]] = value
    # GPT-2 has two matrices of the name c_proj in a block.
    ends = Counter(path.rpartition(".")[2] for path in found)
    kinds = {}
    for path, row in found.items():
        end = path.rpartition(".")[2]
        kinds[end if ends[end] == 1 else path] = row
    return Quantity(title, said, kinds) if kinds else None


def _merged(kinds: Kinds) -> Kinds:
    """One kind in place of all where the matrices of every block are alike."""
    blocks: dict[int, list[float]] = {}
    for row in kinds.values():
        for block, value in row.items():
            blocks.setdefault(block, []).append(value)
    if len(kinds) == 1 or not all(map(_alike, blocks.values())):
        return kinds
    return {_ALL: {block: float(np.mean(row)) for block, row in blocks.items()}}


def _alike(numbers: Sequence[float]) -> bool:
    return max(numbers) - min(numbers) <= ALIKE * max(map(abs, numbers))


def _map(quantity: Quantity, axes: Axes, wide: bool) -> None:
    numbers, kinds = quantity.numbers, list(quantity.values)
    low, high = min(numbers), max(numbers)
    blocks = sorted({block for row in quantity.values.values() for block in row})
    columns = list(range(blocks[0], blocks[-1] + 1))
    cells = np.array(
        [[quantity.values[k].get(block, math.nan) for block in columns] for k in kinds]
    )
    # One colour that grows opaque lies well on a light and on a dark page.
    tints = [(*to_rgb(light("method")), t) for t in np.linspace(MIN_TINT, MAX_TINT, 33)]
    axes.pcolormesh(
        [block - 0.5 for block in [*columns, columns[-1] + 1]],
        [row - 0.5 for row in range(len(kinds) + 1)],
        np.ma.masked_invalid(cells),
        cmap=ListedColormap(tints),
        vmin=low,
        vmax=high,
        edgecolors=light("paper"),
        linewidth=1.0,
    )
    if wide and len(columns) <= MAX_NUMBERS:
        for row, kind in enumerate(kinds):
            for block, value in quantity.values[kind].items():
                text = f"{value:.{quantity.places}f}"
                center: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
                axes.text(block, row, text, fontsize=7.5, color=light("ink"), **center)
    axes.invert_yaxis()
    axes.set_yticks(range(len(kinds)), [clip(kind, 22) for kind in kinds], fontsize=9)
    axes.grid(visible=False)
    ends = (f"{value:.{quantity.places}f}" for value in (low, high))
    axes.set_title("{}: faintest {}, strongest {}".format(quantity.title, *ends))
    _block_axis(axes)


def _lines(quantity: Quantity, axes: Axes, wide: bool) -> None:
    for role, (kind, row) in zip(
        ("method", "control"), quantity.values.items(), strict=False
    ):
        blocks = sorted(row)
        line = [row[block] for block in blocks]
        style: dict[str, Any] = {"lw": 1.6, "marker": "o", "ms": 4 if wide else 3}
        axes.plot(blocks, line, color=light(role), label=clip(kind, 30), **style)
    places = [block for row in quantity.values.values() for block in row]
    # As wide as a map of the same blocks.
    axes.set_xlim(min(places) - 0.5, max(places) + 0.5)
    _block_axis(axes)
    (only, *others) = quantity.values
    if others:
        axes.set_title(quantity.title)
        legend_below(axes, axes.get_legend_handles_labels()[0], columns=2)
    else:
        axes.set_title(f"{quantity.title}: {clip(only, 30)}")


def _block_axis(axes: Axes) -> None:
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("block")


def _losses(losses: Sequence[float], axes: Axes, _: bool) -> None:
    smoothed = len(losses) >= MIN_SMOOTHED
    style: dict[str, Any] = {"lw": 1.0, "alpha": 0.45} if smoothed else {"lw": 1.7}
    axes.plot(*thin(losses), color=light("method"), **style)
    if smoothed:
        spans = np.array_split(np.arange(len(losses)), SPANS)
        means = [mean_of([losses[step] for step in span]) for span in spans]
        middles = [float(span.mean()) + 1 for span in spans]
        axes.plot(middles, means, color=light("method"), lw=2.2)
    axes.set_xlabel("step")
    axes.set_title("loss of the repair")


def mean_of(numbers: Sequence[float]) -> float:
    """Mean of the numbers that are finite, NaN where there is none."""
    known = [number for number in numbers if math.isfinite(number)]
    return math.fsum(known) / len(known) if known else math.nan

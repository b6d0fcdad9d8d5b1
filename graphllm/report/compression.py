"""A compression on a page: how much smaller and faster, and what it cost."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import floor, isfinite, log10
from typing import Any

from graphllm.evaluate import Result
from graphllm.report.compression_plots import (
    amount_of,
    caption_of,
    compression_plot,
    drawn_of,
    error_of,
    full_rank,
    kept_share,
    layers_of,
    losses_of,
    mean_of,
    place_of,
)
from graphllm.report.figures import figure_html
from graphllm.report.html import Safe, section, tag
from graphllm.report.numbers import MISSING, duration, fields, finite, plain_number
from graphllm.report.sections import notes_section
from graphllm.report.sheets import Cell, Sheet, sheet_html

Row = Mapping[str, Any]
Show = Callable[[Any], str]
Column = Callable[[Row], str]
_DENSE, _GGUF = "dense", "gguf "
#: Share by which two timings of the same work may differ.
NOISE = 0.1
#: Share of the bytes from which on nothing was saved.
SAME_SIZE = 0.95
# Up to which ratio of perplexities a model is called what.
_WORDS = (
    (1.02, "as good as before"),
    (1.1, "a little worse"),
    (1.5, "worse"),
    (3.0, "much worse"),
    (10.0, "far worse"),
)


def compression_section(result: Result, study: Mapping[str, Any]) -> Safe:
    """Findings, tables, how it was measured, and what became of each block.

    Args:
        result (Result): Of :func:`graphllm.experiments.compression.run_compression`.
        study (Mapping): Its ``details["study"]``.
    """
    sheets = compression_sheets(study)
    if not sheets:
        return Safe()
    parts: list[str] = []
    said = [tag("li", line) for line in findings(study)]
    if said:
        parts.append(tag("ul", *said, class_="findings"))
    parts += map(sheet_html, sheets)
    parts.append(tag("p", measured_how(study), class_="note"))
    blocks = Safe()
    draw = compression_plot(study)
    if draw is not None:
        alt = "what is left of each matrix, its error, and the loss of the repair"
        figure = figure_html(draw, "compression", alt, caption_of(study))
        blocks = section("Block by block" if drawn_of(study) else "Repair", figure)
    return Safe.join_all(
        [section("What it costs and saves", *parts), blocks, notes_section(result)]
    )


def compression_sheets(study: Mapping[str, Any]) -> list[Sheet]:
    """What it costs and what it saves, a row a model; nothing without rows."""
    rows = rows_of(study)
    if not rows:
        return []
    dense = dense_of(study)

    def own(name: str, show: Show) -> Column:
        return lambda row: show(row.get(name))

    def against(name: str, show: Show) -> Column:
        return lambda row: show(ratio(row, dense, name))

    cost = {
        "perplexity": own("perplexity", digits),
        "x dense": against("perplexity", times),
        "same token %": own("top1_share", partial(percent, places=1)),
        "KL": own("kl", digits),
    }
    saved = {
        "disk MB": own("disk_bytes", millions),
        "disk %": against("disk_bytes", percent),
        "weights M": own("kept_parameters", millions),
        "weights %": against("kept_parameters", percent),
        "prefill tok/s": own("prefill", digits),
        "prefill x": against("prefill", times),
        "decode tok/s": own("decode", digits),
        "decode x": against("decode", times),
    }
    return [
        _sheet("What it costs", rows, cost),
        _sheet("What it saves", rows, saved),
    ]


def rows_of(study: Mapping[str, Any]) -> list[Row]:
    """The rows that can be shown."""
    found = study.get("rows")
    return [
        row
        for row in (found if isinstance(found, list | tuple) else [])
        if isinstance(row, Mapping) and row.get("arm")
    ]


def dense_of(study: Mapping[str, Any]) -> Row:
    """The row of the dense model; empty where it is missing."""
    return next((row for row in rows_of(study) if row["arm"] == _DENSE), {})


def pair_of(study: Mapping[str, Any]) -> tuple[Row, Row] | None:
    """The rows of the dense and of the compressed model; none without the latter."""
    for row in rows_of(study):
        if row["arm"] != _DENSE and not str(row["arm"]).startswith(_GGUF):
            return dense_of(study), row
    return None


def findings(study: Mapping[str, Any]) -> list[str]:
    """What the numbers say, a sentence or two each."""
    pair = pair_of(study)
    if pair is None:
        return []
    dense, ours = pair
    lines = [
        _quality(dense, ours, bool(fields(study.get("repair")))),
        _size(study, dense, ours),
        _dtype(study),
        _memory(dense, ours),
        _speed(dense, ours),
        *_layers(study),
        _repair(study),
    ]
    return [line for line in lines if line]


def _quality(dense: Row, ours: Row, repaired: bool) -> str:
    worse, same = ratio(ours, dense, "perplexity"), finite(ours.get("top1_share"))
    text = ""
    if worse is not None:
        before, after = (digits(row.get("perplexity")) for row in (dense, ours))
        word = next(
            (word for most, word in _WORDS if worse <= most),
            "hardly a language model any more",
        )
        text = f"Perplexity rose from {before} to {after}, {times(worse)}: {word}."
        if worse <= _WORDS[0][0]:
            text = f"Perplexity is {after} and was {before}: {word}."
        if worse < 2 - _WORDS[0][0]:
            why = " The repair trained the model, which may be why." if repaired else ""
            text = f"Perplexity fell from {before} to {after}, {times(worse)}.{why}"
    if same is not None:
        text += (
            f" After {percent(same, 1)} % of the tokens it would write the same next "
            "one as the dense model."
        )
    return text.strip()


def _size(study: Mapping[str, Any], dense: Row, ours: Row) -> str:
    config = fields(study.get("config"))
    if config.get("method") == "ffn_skip":
        skipped = finite(ours.get("skipped_share"))
        when = "wherever it reads or writes"
        if config.get("mode") != "static":
            when = "while text is written"
        how_many = "" if skipped is None else f"; {percent(skipped, 1)} % of them were"
        return f"No weights are saved: layers are left out {when}{how_many}."
    share = ratio(ours, dense, "disk_bytes")
    if share is None:
        return ""
    before, after = (millions(row.get("disk_bytes")) for row in (dense, ours))
    if share > 2 - SAME_SIZE:
        return f"The files are larger than before: {after} MB, and {before} MB dense."
    if share < SAME_SIZE:
        return (
            f"The files have {percent(share)} % of their size: {after} of {before} MB."
        )
    layers = layers_of(study)
    if any(finite(each.get("sparsity")) for each in layers):
        found = [ratio(ours, dense, name) for name in ("prefill", "decode")]
        speeds = [each for each in found if each is not None]
        slow = bool(speeds) and max(speeds) <= 1 + NOISE
        end = " and no step is faster" if slow else ""
        return f"Zeros stay stored: the files are as large as before{end}."
    if any(finite(each.get("bits")) for each in layers):
        return "Rounded weights stay stored as others are: the files are as large."
    return "The files are as large as before."


def _dtype(study: Mapping[str, Any]) -> str:
    dtype = study.get("dtype")
    if not isinstance(dtype, str):
        return ""
    return f"The dense model is weighed as {dtype}, in which it ran here."


def _memory(dense: Row, ours: Row) -> str:
    disk, memory = (ratio(ours, dense, f"{each}_bytes") for each in ("disk", "memory"))
    if disk is None or memory is None or abs(disk - memory) < 1 - SAME_SIZE:
        return ""
    before, after = (millions(row.get("memory_bytes")) for row in (dense, ours))
    return f"In memory its weights take {percent(memory)} %: {after} of {before} MB."


def _speed(dense: Row, ours: Row) -> str:
    found = {name: ratio(ours, dense, name) for name in ("decode", "prefill")}
    speeds = {name: each for name, each in found.items() if each is not None}
    if not speeds:
        return ""
    if all(abs(each - 1) <= NOISE for each in speeds.values()):
        both = ", ".join(f"{name} {times(each)}" for name, each in speeds.items())
        return f"Speed is within the noise of such a measurement: {both}."
    said = []
    for name, each in speeds.items():
        word = f"{times(each)} as fast"
        if abs(each - 1) <= NOISE:
            word += ", within the noise of such a measurement"
        elif each < 1:
            word = f"slower, {word}"
        said.append(f"{name} is {word}")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _layers(study: Mapping[str, Any]) -> list[str]:
    """What became of the matrices, as far as a sentence says it."""
    layers, lines = layers_of(study), [_ranks(study)]
    gone = {
        "drop_blocks": "Blocks",
        "drop_ffn": "The feed-forward layers of blocks",
    }.get(str(fields(study.get("config")).get("method")))
    if gone and layers:
        places = [place_of(layer.get("name")) or (0, "") for layer in layers]
        indices = listed([index for index, _ in places])
        return [f"{gone} {indices} are gone, counted from 0."]
    for quantity in (amount_of(study), error_of(study)):
        if quantity is not None and quantity.alike and len(quantity.numbers) > 1:
            said = quantity.said.format(digits(quantity.alike))
            lines.append(f"In each of {len(quantity.numbers)} matrices, {said}.")
    same = sum(map(_untouched, layers))
    if 0 < same < len(layers):
        lines.append(f"{same} of {len(layers)} matrices stay as they were.")
    return lines


def _untouched(layer: Row) -> bool:
    changed = finite(layer.get("bits")) or finite(layer.get("sparsity"))
    return not changed and layer.get("error") == 0.0 and kept_share(layer) == 1.0


def _ranks(study: Mapping[str, Any]) -> str:
    layers = [x for x in layers_of(study) if finite(x.get("rank"))]
    if not layers:
        return ""
    full = [rank for layer in layers if (rank := full_rank(layer)) is not None]
    config = fields(study.get("config"))
    gone = None
    if len(full) == len(layers):
        gone = 1 - sum(float(layer["rank"]) for layer in layers) / sum(full)
    elif config.get("objective") == "rank":
        # Matrices that were reduced and stored whole do not tell their rank.
        gone = finite(config.get("ratio"))
    sizes = [finite(layer.get("parameters")) or 0.0 for layer in layers]
    kept = [finite(layer.get("kept_parameters")) or 0.0 for layer in layers]
    if gone is None or not sum(sizes):
        return ""
    saved = 1 - sum(kept) / sum(sizes)
    but = "but only" if saved < 0.8 * gone else "and"
    return (
        f"{percent(gone)} % of the rank is gone, {but} {percent(saved)} % of the "
        "weights in those matrices."
    )


def _repair(study: Mapping[str, Any]) -> str:
    repair, losses = fields(study.get("repair")), losses_of(study)
    if not repair:
        return ""
    span = max(1, len(losses) // 10)
    first, last = mean_of(losses[:span]), mean_of(losses[-span:])
    trained, seconds = plain_number(repair.get("trained")), repair.get("seconds")
    text = f"The repair trained {trained} parameters in {duration(seconds)}"
    if len(losses) > 1 and isfinite(first) and isfinite(last):
        word = "fell" if last < first else "did not fall:"
        text += f"; its loss {word} from {first:.2f} to {last:.2f}"
        text += f" over {len(losses)} steps"
        if span > 1:
            text += f", means of the first and last {span}"
    return f"{text}."


def measured_how(study: Mapping[str, Any]) -> str:
    """Which text, lengths and machine the figures are of."""
    text, speed = fields(study.get("text")), fields(study.get("speed"))
    tokens, window = (plain_number(text.get(key)) for key in ("tokens", "window"))
    lines = []
    if text:
        over = f"{tokens} tokens of {text.get('name') or 'a text'}"
        lines.append(
            "Perplexity, same next token and KL, in nats a token from the dense model: "
            f"over {over} in windows of {window}."
        )
    config = fields(study.get("config"))
    if config.get("method") == "ffn_skip" and config.get("mode") != "static":
        lines.append("The model that skips reads them one by one, as it writes.")
    lines.append(
        "Disk: all files that must be shipped; 1 MB is 1,000,000 bytes. Weights: "
        "millions that are left and not zero, embeddings included. % is of the "
        "dense model, x times it."
    )
    if speed:
        read, written, repeats = (
            plain_number(speed.get(key)) for key in ("prefill", "decode", "repeats")
        )
        threads = plain_number(speed.get("threads"))
        lines.append(
            f"Speed: {read} tokens read at once (prefill), {written} written after "
            f"them one by one (decode), medians of {repeats}, on "
            f"{speed.get('device') or 'a device'} with {threads} threads."
        )
    if any(str(row["arm"]).startswith(_GGUF) for row in rows_of(study)):
        lines.append(
            "gguf: the compressed model as one file, its weights read back for the "
            "figures of quality, its speed that of llama.cpp, another program."
        )
    return " ".join(lines)


def _sheet(title: str, rows: Sequence[Row], columns: Mapping[str, Column]) -> Sheet:
    """A table without the columns that have no number in any row."""
    cells = {name: [show(row) for row in rows] for name, show in columns.items()}
    kept = {name: column for name, column in cells.items() if {*column} != {MISSING}}
    lines: list[list[Cell]] = [
        [str(row["arm"]), *(column[place] for column in kept.values())]
        for place, row in enumerate(rows)
    ]
    return Sheet(title, ["model", *kept], lines)


def ratio(row: Row, base: Row, name: str) -> float | None:
    """A figure of a row against that of another, where both are known."""
    ours, theirs = finite(row.get(name)), finite(base.get(name))
    return None if ours is None or theirs is None or theirs <= 0 else ours / theirs


def digits(value: object) -> str:
    """A number with three significant digits, zeros at its end included."""
    number = finite(value)
    if number is None or number == 0:
        return MISSING if number is None else "0"
    if not 1e-3 <= abs(number) < 1e6:
        return f"{number:.1e}"
    return f"{number:,.{max(0, 2 - floor(log10(abs(number))))}f}"


def times(number: float | None) -> str:
    """A ratio, as in ``1.46x``."""
    if number is None:
        return MISSING
    return f"{number:.2f}x" if number < 10 else f"{digits(number)}x"


def percent(share: object, places: int = 0) -> str:
    """A share in percent without its sign."""
    number = finite(share)
    return MISSING if number is None else f"{100 * number:.{places}f}"


def millions(value: object) -> str:
    """A number in millions, with three significant digits."""
    number = finite(value)
    return MISSING if number is None else digits(number / 1e6)


def listed(values: Sequence[object]) -> str:
    """``3, 7 and 12``."""
    words = [str(value) for value in values]
    return " and ".join([*[", ".join(words[:-1])][: len(words) - 1], *words[-1:]])

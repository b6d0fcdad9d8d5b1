"""One table in three forms: on a page, in a terminal, in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.table import Table
from rich.text import Text

from graphllm.report.html import Safe, breakable, table, tag
from graphllm.report.lifts import Lift, interval_text, lift_text, lift_verdict
from graphllm.report.numbers import MISSING

Cell = str | Lift | None
# The faintest and the strongest tint of a cell, in percent of the colour.
MIN_TINT, MAX_TINT = 8, 45
MAX_NAME = 26
TERMINAL = 80
_STYLES = {"better": "green", "worse": "red", "": ""}


@dataclass(frozen=True)
class Sheet:
    """A table whose cells are text or paired differences.

    Args:
        title (str): What it shows.
        header (Sequence[str]): Column titles.
        rows (Sequence[Sequence[Cell]]): The first cell of a row heads it.
        numeric_from (int): First column that is set as numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric_from: int = 1


def sheet_html(sheet: Sheet) -> Safe:
    """The sheet as HTML; clear differences are tinted by their size."""
    clear = [c for row in sheet.rows for c in row if isinstance(c, dict)]
    clear = [lift for lift in clear if lift_verdict(lift)]
    largest = max((abs(lift["mean"]) for lift in clear), default=0.0)
    rows = [
        [
            breakable(str(cell)) if place == 0 else _html(cell, largest)
            for place, cell in enumerate(row)
        ]
        for row in sheet.rows
    ]
    body = table(sheet.header, rows, numeric_from=sheet.numeric_from)
    return Safe.join_all([tag("h3", sheet.title), tag("div", body, class_="sheet")])


def _html(cell: Cell, largest: float) -> str:
    if not isinstance(cell, dict):
        return MISSING if cell is None else str(cell)
    text, small = lift_text(cell), tag("small", interval_text(cell))
    verdict = lift_verdict(cell)
    if not verdict:
        return tag("span", text, small)
    tint = MIN_TINT + (MAX_TINT - MIN_TINT) * abs(cell["mean"]) / largest
    color = f"var(--{'good' if verdict == 'better' else 'bad'}) {tint:.0f}%"
    style = f"background:color-mix(in srgb, {color}, transparent)"
    return tag("span", tag("b", text), small, class_="heat", style=style)


def sheet_table(sheet: Sheet) -> Table:
    """The sheet as a rich table without its title; differences without intervals.

    Too wide for a terminal of 80 columns, it shows means without their spread.
    """
    if _width(sheet) > TERMINAL:
        cells = [
            [c.split(" ± ")[0] if isinstance(c, str) else c for c in row]
            for row in sheet.rows
        ]
        sheet = replace(sheet, rows=cells)
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for place, name in enumerate(sheet.header):
        number = place >= sheet.numeric_from
        # Titles wrap, and names where they are long; numbers never do.
        longest = max((_text(row[place]).cell_len for row in sheet.rows), default=0)
        longest = max(longest, *map(len, name.split()), 0)
        table.add_column(
            Text(name),
            justify="right" if number else "left",
            width=longest if number else None,
            min_width=None if number else min(longest, MAX_NAME),
        )
    for row in sheet.rows:
        table.add_row(*map(_text, row))
    return table


def _width(sheet: Sheet) -> int:
    names = min(MAX_NAME, max((len(str(row[0])) for row in sheet.rows), default=0))
    # A space and the divider of the box stand between two columns.
    return names + sum(
        2
        + max(
            *(len(word) for word in name.split()),
            *(_text(row[place]).cell_len for row in sheet.rows),
            0,
        )
        for place, name in enumerate(sheet.header)
        if place
    )


def _text(cell: Cell) -> Text:
    if isinstance(cell, dict):
        return Text(lift_text(cell), style=_STYLES[lift_verdict(cell)])
    return Text(MISSING if cell is None else str(cell))


def sheet_markdown(sheet: Sheet) -> str:
    """The sheet as a Markdown table, intervals included.

    Args:
        sheet (Sheet): The sheet.

    Returns:
        str: Lines that end in a line break; cell text is escaped.
    """
    rule = [
        "--:" if place >= sheet.numeric_from else ":--"
        for place in range(len(sheet.header))
    ]
    lines = [[_plain(name) for name in sheet.header], rule]
    lines += [[_plain(cell) for cell in row] for row in sheet.rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _plain(cell: Cell) -> str:
    if isinstance(cell, dict):
        text = f"{lift_text(cell).rstrip('*')} {interval_text(cell)}".strip()
    else:
        text = MISSING if cell is None else str(cell)
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")

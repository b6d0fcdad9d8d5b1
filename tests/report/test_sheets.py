import io
import re

from rich.console import Console

from graphllm.report.sheets import (
    MAX_TINT,
    MIN_TINT,
    Sheet,
    sheet_html,
    sheet_markdown,
    sheet_table,
)


def lift(mean, low, high, n=5):
    return {"mean": mean, "std": 0.01, "n": n, "low": low, "high": high, "wins": 0}


STRONG, WEAK = lift(0.04, 0.03, 0.05), lift(-0.01, -0.015, -0.005)
WILD = lift(0.5, -0.5, 1.5)
SHEET = Sheet(
    "Title",
    ["a|b", "one", "two"],
    [["<x>", STRONG, "3 %"], ["y_z", WEAK, None], ["w", WILD, None]],
)


def test_html_tints_what_is_clear_by_its_size():
    html = sheet_html(SHEET)
    assert re.findall(r"srgb, var\(--(\w+)\) (\d+)%", html) == [
        ("good", str(MAX_TINT)),
        ("bad", f"{MIN_TINT + (MAX_TINT - MIN_TINT) / 4:.0f}"),
    ]
    assert "<b>+4.0*</b><small>[+3.0, +5.0]</small>" in html
    assert "<span>+50.0<small>" in html
    assert "&lt;x&gt;" in html
    assert "y_<wbr>z" in html


def test_markdown_by_hand():
    assert sheet_markdown(SHEET) == (
        "| a\\|b | one | two |\n"
        "| :-- | --: | --: |\n"
        "| <x> | +4.0 [+3.0, +5.0] | 3 % |\n"
        "| y_z | −1.0 [−1.5, −0.5] | – |\n"
        "| w | +50.0 [−50.0, +150.0] | – |\n"
    )


def test_terminal_stars_what_is_clear():
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(sheet_table(SHEET))
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["<x>", "+4.0*", "3", "%"] in lines
    assert ["y_z", "−1.0*", "–"] in lines
    assert ["w", "+50.0", "–"] in lines


def test_a_sheet_without_lifts():
    html = sheet_html(Sheet("T", ["a", "b"], [["x", "1"]]))
    assert "heat" not in html
    assert '<td class="num">1</td>' in html


def test_a_wide_sheet_fits_a_terminal_without_its_spread():
    wide = Sheet("wide", ["n", *"abcdefg"], [["row", *["81.8 ± 29.5"] * 7]])
    text = render(sheet_table(wide), 80)
    assert text.count("81.8") == 7
    assert "±" not in text
    narrow = Sheet("narrow", ["n", "a"], [["row", "81.8 ± 29.5"]])
    assert "±" in render(sheet_table(narrow), 80)


def render(table, width):
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()

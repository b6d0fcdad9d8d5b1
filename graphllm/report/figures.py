"""Figures without a display and without global state, as inline SVG or as PNG."""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphllm.report.html import Safe, tag
from graphllm.report.style import COLORS, light

# A figure is drawn once for a wide and once for a narrow screen, in inches of 72
# units, so that its text has the same size as the text around it.
WIDE, NARROW = 10.0, 4.9

_STYLE = {
    "axes.edgecolor": light("rule"),
    "axes.grid": True,
    "axes.labelcolor": light("muted"),
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": light("ink"),
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.axisbelow": True,
    "figure.facecolor": light("paper"),
    "axes.facecolor": light("paper"),
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "grid.color": light("rule"),
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "graphllm",
    "text.color": light("ink"),
    "text.parse_math": False,
    "xtick.color": light("muted"),
    "ytick.color": light("muted"),
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.unicode_minus": True,
}
_NO_META = {"Date": None, "Creator": None, "Format": None, "Type": None}

Draw = Callable[[float], Figure]


@contextmanager
def drawing() -> Iterator[None]:
    """House style; a name in a script that the font lacks is no reason to complain."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure_html(draw: Draw, name: str, alt: str, caption: str) -> Safe:
    """A figure as inline SVG, in a wide and in a narrow version.

    Args:
        draw (Callable): Width in inches to :class:`~matplotlib.figure.Figure`.
        name (str): Prefix that keeps the ids of several plots apart.
        alt (str): What the plot shows, for those who cannot see it.
        caption (str): Text below it.
    """
    versions = []
    for kind, width in (("wide", WIDE), ("narrow", NARROW)):
        svg = figure_svg(draw, width, f"{name}-{kind}")
        versions.append(tag("div", svg, class_=kind, role="img", aria_label=alt))
    return tag("figure", *versions, tag("figcaption", caption))


def figure_svg(draw: Draw, width: float, prefix: str) -> Safe:
    """Inline SVG with unique ids, its colours as CSS variables."""
    buffer = io.StringIO()
    with drawing():
        draw(width).savefig(buffer, format="svg", transparent=True, metadata=_NO_META)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1">', svg)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-")
    svg = re.sub(r'xlink:href="#', f'href="#{prefix}-', svg)
    svg = svg.replace("'DejaVu Sans'", "inherit").replace(", sans-serif", "")
    for color, (value, _) in COLORS.items():
        svg = svg.replace(value, f"var(--{color})")
    return Safe(svg)


def legend_below(axes: Axes, handles: Sequence[Artist], columns: int) -> None:
    """The legend under a panel whose lines may be anywhere in it."""
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.02, -0.13)}
    if handles:
        axes.legend(handles=handles, frameon=False, fontsize=9, ncols=columns, **place)


def save_png(draw: Draw, path: Path) -> Path:
    """The wide version of a figure as a PNG file."""
    with drawing():
        draw(WIDE).savefig(path, format="png", dpi=144)
    return path


def clip(text: Any, limit: int) -> str:
    """``text`` on one line, cut to ``limit`` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

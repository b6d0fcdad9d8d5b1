import re

from matplotlib.figure import Figure

from graphllm.report.figures import clip, figure_html, figure_svg, save_png
from graphllm.report.style import light


def draw(width):
    figure = Figure(figsize=(width, 1))
    axes = figure.subplots()
    axes.plot([1, 2], "o", color=light("method"))
    axes.set_title('<b> & "x" $y$ 图')
    return figure


def test_svg_follows_the_colour_scheme_and_needs_nothing_from_outside():
    svg = figure_svg(draw, 4, "p")
    assert svg.startswith("<svg viewBox=")
    assert "var(--method)" in svg
    assert light("method") not in svg
    assert not re.search(r"https?:|<!DOCTYPE|<metadata|<image", svg)


def test_ids_carry_the_prefix():
    svg = figure_svg(draw, 4, "p")
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert ids
    assert all(name.startswith("p-") for name in ids)
    assert set(re.findall(r'href="#([^"]*)"', svg)) <= set(ids)


def test_text_stays_text_and_is_escaped():
    svg = figure_svg(draw, 4, "p")
    assert "&lt;b&gt; &amp; " in svg
    assert "$y$ 图" in svg


def test_both_widths_and_a_description():
    html = figure_html(draw, "n", "what it shows", "a < b")
    assert html.count("<svg") == 2
    assert 'aria-label="what it shows"' in html
    assert "<figcaption>a &lt; b</figcaption>" in html


def test_png(tmp_path):
    path = save_png(draw, tmp_path / "x.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_clip():
    assert clip("a\n b", 10) == "a b"
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcd", 4) == "abcd"

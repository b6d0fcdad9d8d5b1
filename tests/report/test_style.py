import re

import pytest

from graphllm.report.style import COLORS, CSS, light


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("name", sorted(set(COLORS) - {"rule", "paper", "panel"}))
def test_text_colours_can_be_read_in_both_schemes(name, ground, scheme):
    # WCAG AA for text of normal size
    assert contrast(COLORS[name][scheme], COLORS[ground][scheme]) >= 4.5


def test_every_variable_that_is_used_is_defined():
    assert set(re.findall(r"var\(--([a-z]+)\)", CSS)) <= set(COLORS)


def test_colours_are_told_apart_by_their_value():
    # a plot's colours are replaced by value
    assert len({light(name) for name in COLORS}) == len(COLORS)


def test_the_style_loads_nothing():
    assert "url(" not in CSS
    assert "@import" not in CSS

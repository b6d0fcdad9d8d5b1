import random
import re
from itertools import pairwise

import networkx as nx
import pytest

from graphllm.kernels.tree import parent_positions
from graphllm.report.trees import Token, hops_svg, parents_of, strongest, tree_svg


def tree(fan_outs, weight=None, absent=()):
    """Tokens of a whole tree, or of one that lacks some subtrees."""
    parents, gone = parents_of(fan_outs), set(absent)
    for place, parent in enumerate(parents):
        if parent in gone:
            gone.add(place)
    noise = random.Random(3)
    return [
        Token(p, parent, noise.uniform(-1, 1) if weight is None else weight(p), "", "")
        for p, parent in enumerate(parents)
        if p not in gone
    ]


def leaves_of(tokens):
    parents = {token.parent for token in tokens}
    return [token for token in tokens if token.position not in parents]


def discs(svg):
    """Centre and radius of each disc, in drawing order."""
    found = re.findall(
        r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)" fill="var', svg
    )
    return [tuple(map(float, each)) for each in found[1::2]]


@pytest.mark.parametrize("fan_outs", [(1,), (10, 10), (3, 1, 4), (2, 2, 2, 2)])
def test_parents_are_those_of_the_sampler(fan_outs):
    assert parents_of(fan_outs) == parent_positions(fan_outs).tolist()


@pytest.mark.parametrize("limit", [1, 2, 7, 40, 100, 1000])
def test_the_strongest_with_their_ancestors_and_no_more_leaves(limit):
    tokens = tree((10, 10), absent=(3, 25))
    shown = strongest(tokens, limit)
    assert len(leaves_of(shown)) == min(limit, len(leaves_of(tokens)))
    graph = nx.DiGraph([(t.parent, t.position) for t in shown])
    assert nx.is_arborescence(graph)
    assert shown == [token for token in tokens if token in shown]
    top = max(tokens[1:], key=lambda token: abs(token.weight))
    assert top in shown


def test_small_trees_are_whole():
    tokens = tree((3, 2))
    assert strongest(tokens, 6) == tokens
    assert strongest(tokens[:1], 40) == tokens[:1]


def test_a_strong_token_below_a_leaf_takes_no_more_room():
    # 1 is stronger than its child 3, which then hangs below it.
    weights = {0: 0.0, 1: 1.0, 3: 0.9, 2: 0.1}
    tokens = [t for t in tree((2, 2), lambda p: weights.get(p, 0.0)) if t.position < 4]
    assert [t.position for t in strongest(tokens, 1)] == [0, 1, 3]


def test_places_in_the_drawing():
    tokens = tree((3, 2), lambda p: 0.5)
    spots = discs(tree_svg(tokens, 420))
    assert len(spots) == 10
    (root, *level1), level2 = spots[:4], spots[4:]
    assert len({y for _, y, _ in level1}) == len({y for _, y, _ in level2}) == 1
    assert root[1] < level1[0][1] < level2[0][1]
    xs = [x for x, _, _ in level2]
    assert xs == sorted(xs)
    assert all(0 < x < 420 for x in xs)
    for place, (x, _, _) in enumerate(level1):
        assert x == pytest.approx((xs[2 * place] + xs[2 * place + 1]) / 2, abs=0.01)


def test_discs_of_a_full_row_do_not_overlap():
    shown = strongest(tree((10, 10), lambda p: 1.0), 40)
    spots = [each for each in discs(tree_svg(shown, 900)) if each[1] > 100]
    for (x, _, r), (after, _, s) in pairwise(spots):
        assert after - x > r + s


def test_size_fill_and_colour_follow_the_weight():
    tokens = tree((2,), lambda p: (1.0, 0.1, -0.4)[p])
    svg = tree_svg(tokens, 420)
    strong, weak, against = (r for _, _, r in discs(svg))
    assert strong > against > weak
    assert svg.count('fill="var(--method)"') == 2
    assert svg.count('fill="var(--control)"') == 1
    assert "fill_opacity" not in svg
    assert svg.index('fill-opacity="1"') < svg.index('fill-opacity="0.21"')


def test_marks_and_titles_are_escaped():
    evil = "<script>x</script>"
    tokens = [Token(0, -1, 1.0, "", evil, "1"), Token(1, 0, 0.5, "", evil, evil)]
    for svg in (
        tree_svg(tokens, 420),
        hops_svg([Token(0, -1, 1, evil, evil)], 420, 0, 1),
    ):
        assert "<script>" not in svg
        assert "&lt;script&gt;" in svg


def test_a_token_whose_parent_is_missing_is_left_out():
    tokens = [Token(0, -1, 1.0, "", ""), Token(5, 3, 0.5, "", "lost")]
    assert "lost" not in tree_svg(tokens, 420)
    assert tree_svg([], 420) == ""


def test_bars_of_hops_by_hand():
    tokens = [Token(0, -1, 1.0, "+2.00", ""), Token(1, 0, -0.5, "−1.00", "")]
    svg = hops_svg(tokens, 400, -0.5, 1.0)
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    (ahead, long), (back, short) = (tuple(map(float, bar)) for bar in bars)
    assert long == pytest.approx(2 * short, abs=0.02)
    # Both start at the line of zero.
    assert back + short == pytest.approx(ahead, abs=0.02)
    assert ahead + long < 400
    for words in ("itself", "1 hop<", "+2.00", "−1.00"):
        assert words in svg


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, -0.2), (0.3, 1.0)])
def test_hops_of_one_sign_stay_inside(weights):
    tokens = [Token(p, p - 1, w, "x", "") for p, w in enumerate(weights)]
    low, high = min(0.0, *weights), max(0.0, *weights)
    svg = hops_svg(tokens, 400, low, high)
    for x, wide in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg):
        assert 84 < float(x) < float(x) + float(wide) <= 400

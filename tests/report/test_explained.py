import re

import pytest

from graphllm.report.explained import drawings, entries_of

TREE = {"name": "nd", "num_neighbors": [2, 2], "pe": None, "seed": 0, "resample": False}
CHAIN = {"name": "ho", "num_hops": 2, "norm": "mean"}


def tree_of(nodes=(7, 8, -1, 7, 9, -1, -1), parts=(0.1, -0.4, 0, 0.02, 0.2, 0, 0)):
    return {"template": TREE, "nodes": [list(nodes)], "attribution": [list(parts)]}


def chain_of(*parts):
    nodes = [[4 + graph] * 3 for graph in range(len(parts))]
    return {"template": CHAIN, "nodes": nodes, "attribution": [list(p) for p in parts]}


def drawn(told, texts=None):
    return drawings(told, entries_of(told), texts or {})


def test_positions_become_a_tree_and_pads_go():
    entries = entries_of(tree_of())
    assert [e.position for e in entries] == [0, 1, 3, 4]
    assert [e.parent for e in entries] == [-1, 0, 1, 1]
    assert [e.hops for e in entries] == [0, 1, 2, 2]
    assert [e.again for e in entries] == [True, False, True, False]


def test_hops_become_a_chain():
    entries = entries_of(chain_of([0.1, 0.2, 0.3]))
    assert [(e.parent, e.hops, e.node) for e in entries] == [
        (-1, 0, 4),
        (0, 1, 4),
        (1, 2, 4),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"template": None},
        {"template": {"name": "nd"}},
        {"template": {"name": "nd", "num_neighbors": [2, 3]}},
        {"template": {"name": "nd", "num_neighbors": ["2", 2]}},
        {"template": {"name": "nd", "num_neighbors": [10**9] * 9}},
        {"template": {"name": "nd", "num_neighbors": [1] * 5000}},
        {"attribution": [[0.1]]},
        {"attribution": None},
        {"nodes": "text"},
        {"nodes": [], "attribution": []},
        {"nodes": [[-1] * 7]},
    ],
)
def test_what_cannot_be_drawn_is_left_out(change):
    assert entries_of({**tree_of(), **change}) == []


def test_a_part_that_is_no_number_counts_nothing():
    entries = entries_of(tree_of(parts=(None, float("nan"), 0, "x", 0.2, 0, 0)))
    assert [e.attribution for e in entries] == [0.0, 0.0, 0.0, 0.2]


def test_the_strongest_tokens_are_listed_by_size():
    html = drawn(tree_of(), {"8": "about oil", "9": "about salt", "7": "about sea"})
    rows = re.findall(r"<tr><th[^>]*>(\d)</th>(.*?)</tr>", html)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for _, row in rows]
    assert cells == [
        ["node 8, neighbour", "about oil", "−0.40"],
        ["node 9, 2 hops away", "about salt", "+0.20"],
        ["node 7, the node itself", "about sea", "+0.10"],
        ["node 7, the node itself once more", "about sea", "+0.020"],
    ]
    assert "about oil" in re.findall(r"<title>(.*?)</title>", html, re.DOTALL)[1]


def test_one_tree_is_drawn_twice_and_a_pair_side_by_side():
    one, told = drawn(tree_of()), tree_of()
    assert one.count("<svg") == 2
    assert 'class="wide"' in one
    assert 'class="narrow"' in one
    pair = drawn({**told, **{key: told[key] * 2 for key in ("nodes", "attribution")}})
    assert pair.count("<svg") == 2
    assert 'class="wide"' not in pair
    assert "second node" in pair
    assert "(second node)" in pair


def test_a_large_tree_says_what_it_leaves_out():
    count = 1 + 10 + 100
    told = {
        "template": {"name": "nd", "num_neighbors": [10, 10]},
        "nodes": [list(range(count))],
        "attribution": [[1 / (1 + place) for place in range(count)]],
    }
    html = drawn(told)
    hidden = [int(number) for number in re.findall(r"(\d+) weaker positions", html)]
    assert len(hidden) == 2
    wide, narrow = (part.count("<title>") for part in html.split("</svg>")[:2])
    assert [wide, narrow] == [count - number for number in hidden]


def test_a_chain_has_bars_and_no_list():
    html = drawn(chain_of([0.5, -0.25, 0.0], [0.1, 0.1, 0.1]))
    assert html.count("<rect") == 6
    assert "<table" not in html
    assert "first node" in html
    # Both ends have one scale: +0.5 is five times +0.1.
    wide = re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"', html)
    assert float(wide[0]) == pytest.approx(5 * float(wide[3]), abs=0.1)


def test_parts_too_small_to_show_have_no_sign():
    html = drawn(chain_of([0.5, -0.0001, 0.0004]))
    words = re.findall(r"<text[^>]*>(.*?)</text>", html)
    assert words == ["itself", "+0.50", "1 hop", "0", "2 hops", "0"]


def test_nothing_speaks_for_or_against():
    assert "<svg" in drawn(tree_of(parts=(0,) * 7))

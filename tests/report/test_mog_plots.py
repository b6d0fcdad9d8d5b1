import pytest

from graphllm.evaluate import Result, summary
from graphllm.report.figures import NARROW, WIDE, drawing
from graphllm.report.mog_plots import mog_plot


@pytest.fixture
def result():
    arms = {"dense": {"test_acc": summary([0.8, 0.9])}}
    rows, timing = [], []
    for share in (0.5, 0.1):
        for family in ("random", "scan", "mog"):
            arm = f"{family}@{share}"
            arms[arm] = {"test_acc": summary([0.8 - share, 0.9 - share])}
            rows.append({"arm": arm, "family": family, "sparsity": share})
        timing.append({"sparsity": share, "dense_ms": 10.0, "gnn_ms": 10 * (1 - share)})
    study = {"kind": "mog", "main": "mog", "rows": rows, "timing": timing}
    details = {"baseline": "dense", "study": study}
    return Result("mog", {"name": "g"}, "s", [0, 1], arms, details=details)


def panels(result, width=WIDE):
    with drawing():
        return mog_plot(result, result.details["study"])(width).axes


def points(axes):
    return [
        list(zip(*(data.tolist() for data in line.get_data()), strict=True))
        for line in axes.get_lines()
        if len(line.get_xdata()) == 2 and line.get_xdata()[0] != 0
    ]


def names(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_accuracy_by_share_removed(result):
    left, _ = panels(result)
    lines = points(left)
    assert len(lines) == 3
    for line in lines:
        assert line == [pytest.approx((10, 75)), pytest.approx((50, 35))]
    assert names(left) == ["mog", "random", "other sparsifiers", "dense"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["10", "50"]


def test_the_dense_graph_is_a_line_across(result):
    left, _ = panels(result)
    assert any(
        list(line.get_ydata()) == pytest.approx([85, 85]) for line in left.get_lines()
    )


def test_speed_is_relative_to_the_dense_graph(result):
    _, right = panels(result)
    (line,) = points(right)
    assert line == [pytest.approx((10, 1 / 0.9)), pytest.approx((50, 2))]
    assert names(right) == ["the network alone"]


def test_times_with_the_thinning_are_drawn_where_known(result):
    for row in result.details["study"]["timing"]:
        row |= {"amortised_ms": 11.0, "end_to_end_ms": 40.0}
    _, right = panels(result)
    assert len(points(right)) == 3
    assert points(right)[2] == [pytest.approx((10, 0.25)), pytest.approx((50, 0.25))]


def test_panels_are_below_each_other_where_it_is_narrow(result):
    with drawing():
        draw = mog_plot(result, result.details["study"])
        wide, narrow = draw(WIDE), draw(NARROW)
        for figure in (wide, narrow):
            figure.canvas.draw()
    boxes = [[axes.get_position() for axes in f.axes] for f in (wide, narrow)]
    assert boxes[0][0].x1 < boxes[0][1].x0
    assert boxes[1][0].y0 > boxes[1][1].y1


@pytest.mark.parametrize("rows", [None, [], [None], [{"arm": "none", "sparsity": 1}]])
def test_nothing_to_draw(result, rows):
    assert mog_plot(result, {"rows": rows}) is None

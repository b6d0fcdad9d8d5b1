import pytest

from graphllm.evaluate import summary
from graphllm.report.figures import NARROW, WIDE, drawing
from graphllm.report.ladling_plots import ladling_plot


@pytest.fixture
def study():
    gain = [
        {
            "num_ingredients": number,
            "gis": summary([0.8 + number / 100, 0.82 + number / 100]),
            "mean_ingredient": summary([0.78, 0.8]),
        }
        for number in (2, 3, 4)
    ]
    alphas = [0.0, 0.5, 1.0]
    barriers = {
        "shared": {"alphas": alphas, "losses": [1.0, 1.1, 1.0]},
        "different": {"alphas": alphas, "losses": [1.0, 3.0, 1.0]},
    }
    return {"kind": "ladling", "gain": gain, "barriers": barriers}


def panels(study, width=WIDE):
    with drawing():
        return ladling_plot(study)(width).axes


def lines(axes):
    return {
        line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in axes.get_lines()
    }


def test_gain_by_number_of_ingredients(study):
    gain, _ = panels(study)
    found = lines(gain)
    assert found["gis"] == [pytest.approx(p) for p in ((2, 83), (3, 84), (4, 85))]
    assert [y for _, y in found["mean ingredient"]] == pytest.approx([79] * 3)
    names = [text.get_text() for text in gain.get_legend().get_texts()]
    assert names == ["gis", "mean ingredient"]


def test_the_barriers_of_both_starts(study):
    _, barrier = panels(study)
    assert lines(barrier) == {
        "own initial weights": [(0.0, 1.0), (0.5, 3.0), (1.0, 1.0)],
        "shared initial weights": [(0.0, 1.0), (0.5, 1.1), (1.0, 1.0)],
    }
    assert barrier.get_ylim()[0] == 0


def test_what_there_is_is_drawn(study):
    assert len(panels({**study, "gain": []})) == 1
    study["barriers"]["different"]["losses"] = [1.0, float("nan"), 1.0]
    assert len(lines(panels(study)[1])) == 1


def test_panels_are_below_each_other_where_it_is_narrow(study):
    with drawing():
        wide, narrow = ladling_plot(study)(WIDE), ladling_plot(study)(NARROW)
        for figure in (wide, narrow):
            figure.canvas.draw()
    boxes = [[axes.get_position() for axes in f.axes] for f in (wide, narrow)]
    assert boxes[0][0].x1 < boxes[0][1].x0
    assert boxes[1][0].y0 > boxes[1][1].y1


@pytest.mark.parametrize("nonsense", [None, [], "text", [None], [{"gis": 1}]])
def test_nothing_to_draw(nonsense):
    assert ladling_plot({"gain": nonsense, "barriers": nonsense}) is None

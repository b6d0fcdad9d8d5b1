import math

import pytest
from matplotlib.lines import Line2D

from graphllm.evaluate import Result, summary
from graphllm.report.depth_plots import FLOOR, depth_plot, flow_plot
from graphllm.report.figures import NARROW, WIDE, drawing
from graphllm.report.style import light


def depth_result(networks=("gcn", "gcnii"), depths=(2, 8)):
    """Accuracy falls by one point a layer, energy by a power of ten."""
    arms, rows = {}, []
    for backbone in networks:
        for network in (backbone, f"ellagnn-{backbone}"):
            for depth in depths:
                arm = f"{network}-{depth}"
                arms[arm] = {
                    "test_acc": summary([0.80 - 0.01 * depth, 0.81 - 0.01 * depth]),
                    "gradient_flow": summary([0.5, 0.5]),
                    "dirichlet_energy": summary([10.0**-depth] * 2),
                }
                rows.append(
                    {
                        "network": network,
                        "backbone": backbone,
                        "enhanced": network != backbone,
                        "depth": depth,
                        "arm": arm,
                        "flow_curve": [1.0, 0.5, 0.25],
                    }
                )
    return Result(
        *("ellagnn", {"name": "cora"}, "file", [0, 1], arms),
        details={"study": {"kind": "depth", "rows": rows}},
    )


def drawn(draw, width=WIDE):
    with drawing():
        return draw(width)


def lines_of(axes):
    return [line for line in axes.lines if isinstance(line, Line2D)]


def test_a_line_for_every_network_in_every_panel():
    figure = drawn(depth_plot(depth_result()))
    accuracy, flow, energy = figure.axes
    assert [a.get_title("left") for a in figure.axes] == [
        "test accuracy, %",
        "gradient flow",
        "Dirichlet energy",
    ]
    assert [len(lines_of(axes)) for axes in figure.axes] == [4, 4, 4]
    assert list(lines_of(accuracy)[0].get_xdata()) == [2, 8]
    assert list(lines_of(accuracy)[0].get_ydata()) == pytest.approx([78.5, 72.5])
    assert list(lines_of(energy)[0].get_ydata()) == pytest.approx([1e-2, 1e-8])
    assert (flow.get_yscale(), energy.get_yscale()) == ("log", "log")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["gcn", "ellagnn-gcn", "gcnii", "ellagnn-gcnii"]


def test_a_colour_is_a_backbone_and_a_dash_is_a_plain_network():
    plain, enhanced, other, _ = lines_of(drawn(depth_plot(depth_result())).axes[0])
    assert plain.get_color() == enhanced.get_color() == light("method")
    assert other.get_color() == light("control")
    assert plain.get_linestyle() == "--"
    assert enhanced.get_linestyle() == "-"
    assert plain.get_markerfacecolor() == light("paper")


def test_depths_are_the_ticks_and_powers_are_written_out():
    figure = drawn(depth_plot(depth_result(depths=(2, 4, 64))), NARROW)
    assert len({axes.get_position().x0 for axes in figure.axes}) == 1
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["2", "4", "64"]
    energy = figure.axes[2].yaxis.get_major_formatter()
    assert energy(1e-12, 0) == "10⁻¹²"
    assert energy(1000, 0) == "10³"


def test_zero_infinity_and_gaps_can_be_drawn():
    result = depth_result(networks=("gcn",))
    result.arms["gcn-2"]["dirichlet_energy"] = summary([0.0, 0.0])
    result.arms["gcn-8"]["gradient_flow"] = {"mean": None, "std": None, "values": []}
    result.details["study"]["rows"][0]["flow_curve"] = [1.0, None, 0.0, math.inf]
    figure = drawn(depth_plot(result))
    assert lines_of(figure.axes[2])[0].get_ydata()[0] == FLOOR
    assert len(lines_of(figure.axes[1])[0].get_xdata()) == 1
    flow = lines_of(drawn(flow_plot(result)).axes[0])[0].get_ydata()
    assert flow[0] == 1
    assert flow[2] == FLOOR
    assert math.isnan(flow[1])
    assert math.isnan(flow[3])


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_steps_have_a_panel_for_every_depth(width):
    figure = drawn(flow_plot(depth_result(depths=(2, 4, 8, 16))), width)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title("left") for axes in shown]
    assert titles == ["2 layers", "4 layers", "8 layers", "16 layers"]
    line = lines_of(shown[0])[0]
    assert list(line.get_xdata()) == [1, 2, 3]
    assert list(line.get_ydata()) == [1.0, 0.5, 0.25]

"""The depth study on a page: accuracy, gradients and smoothing by layers."""

from collections.abc import Sequence

from graphllm.evaluate import Result
from graphllm.report.depth_plots import FLOOR, Row, depth_plot, flow_plot, study_rows
from graphllm.report.figures import figure_html
from graphllm.report.html import Safe, breakable, section, table, tag
from graphllm.report.numbers import (
    MISSING,
    finite,
    measured,
    plain_number,
    with_spread,
)

__all__ = ["accuracy_table", "depth_plot", "depth_section", "depth_table", "summaries"]


def depth_section(result: Result) -> Safe:
    """What depth did to each network; empty where the result is no depth study.

    Args:
        result (Result): With ``details["study"]`` as
            :func:`graphllm.experiments.run_depth` makes it.
    """
    rows = study_rows(result)
    if not rows:
        return Safe()
    parts: list[str] = [
        tag(
            "p",
            "Each network at each number of layers, trained on plain features and, as "
            "E-LLaGNN, on the enhanced ones; predictions are LLM-free.",
        ),
        figure_html(
            depth_plot(result),
            "depth",
            "accuracy, gradient flow and Dirichlet energy by number of layers; the "
            "numbers are in the table below",
            "Mean over seeds; band: ± one standard deviation. Gradient flow: mean "
            "length of the layers' weight gradients over the first steps. Dirichlet "
            "energy: of what the last layer reads. The last two are logarithmic, with "
            f"values below {FLOOR:g} at the end of the axis.",
        ),
        tag("ul", *(tag("li", line) for line in summaries(rows)), class_="findings"),
        table(*accuracy_table(result)),
        tag("p", "Test accuracy in %, mean ± unbiased deviation.", class_="note"),
        tag(
            "details",
            tag("summary", "Every measure of every network"),
            table(*depth_table(result)),
            tag(
                "p",
                "MAD: mean cosine distance of two nodes before the last layer; near "
                "zero, all nodes look alike to it.",
                class_="note",
            ),
        ),
    ]
    if any(row.get("flow_curve") for row in rows):
        parts.append(
            figure_html(
                flow_plot(result),
                "depth-flow",
                "gradient flow by training step, one panel a number of layers",
                "Gradient flow by training step, first seed. A line ends where "
                "training stopped.",
            )
        )
    return section("Depth", *parts)


def accuracy_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """Header and rows: networks down, numbers of layers across, test accuracy inside.

    Args:
        result (Result): A depth study.

    Returns:
        tuple: Column titles, and one list of cells a network and way to run it.
    """
    rows = study_rows(result)
    depths = sorted({row["depth"] for row in rows})
    lines: list[list[str]] = []
    for network in dict.fromkeys(row["network"] for row in rows):
        arm = {r["depth"]: str(r.get("arm")) for r in rows if r["network"] == network}
        for metric, suffix in (("test_acc", ""), ("llm_at_test_acc", ", LLM at test")):
            cells = [
                with_spread(measured(result, arm.get(depth, ""), metric), metric)
                for depth in depths
            ]
            if set(cells) != {MISSING}:
                lines.append([breakable(f"{network}{suffix}"), *cells])
    return ["layers", *map(str, depths)], lines


def depth_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """Header and rows: network, layers, accuracies, gradient flow, energy, MAD.

    Args:
        result (Result): A depth study.

    Returns:
        tuple: Column titles, and one list of cells an arm.
    """
    header = ["network", "layers", "test %", "LLM at test %", "gradient flow"]
    header += ["Dirichlet energy", "MAD"]
    lines: list[list[str]] = []
    rows = study_rows(result)
    order = list(dict.fromkeys(row["network"] for row in rows))
    for row in sorted(rows, key=lambda r: (order.index(r["network"]), r["depth"])):
        arm = str(row.get("arm"))
        accuracies = [
            with_spread(measured(result, arm, name), name)
            for name in ("test_acc", "llm_at_test_acc")
        ]
        small = [
            _short(row.get(name))
            for name in ("gradient_flow", "dirichlet_energy", "mad")
        ]
        lines.append(
            [breakable(row["network"]), str(row["depth"]), *accuracies, *small]
        )
    return header, lines


def summaries(rows: Sequence[Row]) -> list[str]:
    """For each network its best depth and what is left at the deepest."""
    lines = []
    for network in dict.fromkeys(row["network"] for row in rows):
        known = [
            (int(row["depth"]), accuracy)
            for row in rows
            if row["network"] == network
            and (accuracy := finite(row.get("test_acc"))) is not None
        ]
        if not known:
            continue
        best, deep = max(known, key=lambda pair: pair[1]), max(known)
        lines.append(
            f"{network}: best at {best[0]} layers ({100 * best[1]:.1f} %), "
            f"{100 * deep[1]:.1f} % at {deep[0]}."
        )
    return lines


def _short(value: object) -> str:
    number = finite(value)
    if number is None:
        return MISSING
    usual = number == 0 or 1e-3 <= abs(number) < 1e4
    return plain_number(number) if usual else f"{number:.1e}"

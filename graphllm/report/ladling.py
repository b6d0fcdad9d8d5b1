"""Graph Ladling on a page: did the soup win, and did its control fail."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from graphllm.evaluate import Result
from graphllm.report.arms import baseline_of, method_arm
from graphllm.report.figures import figure_html
from graphllm.report.html import Safe, section, tag
from graphllm.report.ladling_plots import ladling_plot
from graphllm.report.lifts import interval_text, is_lift, lift_verdict, points
from graphllm.report.numbers import (
    MISSING,
    duration,
    fields,
    finite,
    measured,
    plain_number,
    with_spread,
)
from graphllm.report.sections import notes_section
from graphllm.report.sheets import Cell, Sheet, sheet_html

#: Points that the control must lose, in the mean, for its soup to count as collapsed.
COLLAPSE = 0.1
#: Share above which an ingredient counts as used.
USED = 0.01
_GIS, _MEAN, _ENSEMBLE = "gis", "mean_ingredient", "ensemble"
_OWN, _OWN_GIS = "different_init", "different_init_gis"
_CAPTION = (
    "First: mean over repeats with so many ingredients; band: ± one standard deviation "
    "of gis. Second: loss of the weighted average of the first two ingredients, mean "
    "over repeats; a hill between them is what an average falls on."
)
_NOTE = (
    "Mean ± unbiased standard deviation over repeats; differences in percentage "
    "points, repeat by repeat, with their 95 % interval; a star marks those whose "
    "interval leaves out zero. Networks: how many must be run to predict."
)
_MADE_OF = (
    "Means over repeats, and over layers where each has shares of its own. Used: "
    "ingredients with more than 1 % of the weight. Largest: the largest share; 100 % "
    "is a single ingredient. Tried: mixtures scored on validation."
)
_MEMORY = (
    "Seconds over all repeats. Memory: largest resident set of the main process in the "
    "stage; that of a single ingredient is of the process that trained it."
)


def ladling_section(result: Result, study: Mapping[str, Any]) -> Safe:
    """Verdicts, plot, and tables of arms, soups and stages.

    Args:
        result (Result): Of :func:`graphllm.experiments.ladling.run_ladling`.
        study (Mapping): Its ``details["study"]``.
    """
    if not _rows(study):
        return Safe()
    arms, soups, stages = ladling_sheets(result, study)
    parts: list[str] = []
    said = [tag("li", line) for line in verdicts(result, study)]
    if said:
        parts.append(tag("ul", *said, class_="findings"))
    parts += [sheet_html(arms), tag("p", _NOTE, class_="note")]
    draw = ladling_plot(study)
    if draw is not None:
        alt = "test accuracy by number of ingredients, and loss between two of them"
        parts.append(figure_html(draw, "ladling", alt, _CAPTION))
    for sheet, note in ((soups, _MADE_OF), (stages, _MEMORY)):
        if sheet.rows:
            parts += [sheet_html(sheet), tag("p", note, class_="note")]
    return Safe.join_all([section("Soups", *parts), notes_section(result)])


def ladling_sheets(result: Result, study: Mapping[str, Any]) -> list[Sheet]:
    """Arms, what soups are made of, and what stages cost."""
    return [
        _arms_sheet(result, study),
        _soups_sheet(study),
        _stages_sheet(study),
    ]


def verdicts(result: Result, study: Mapping[str, Any]) -> list[str]:
    """Whether the soup won, and whether the control failed as it must."""
    rows = _rows(study)
    ours, best = method_arm(result), baseline_of(result)
    lines = []
    for other, name in ((best, "over_best"), (_MEAN, "over_mean")):
        lift = fields(fields(rows.get(ours or "")).get(name))
        if ours is not None and other is not None and is_lift(lift):
            lines.append(_won(ours, other, lift))
    return lines + _controls(result, study)


def _won(ours: str, other: str, lift: Mapping[str, Any]) -> str:
    repeats = int(finite(lift.get("n")) or 0)
    if repeats < 3:
        said = f"Too few repeats ({repeats}) to tell {ours} from {other}"
    else:
        said = {
            "better": f"The soup won: {ours} is better than {other}",
            "worse": f"The soup lost: {ours} is worse than {other}",
            "": f"The soup did not win: {ours} is not distinguishable from {other}",
        }[lift_verdict(lift)]
    return f"{said}: {_amount(lift)}."


def _amount(lift: Mapping[str, Any]) -> str:
    between = interval_text(lift)
    wins, repeats = (plain_number(lift.get(name)) for name in ("wins", "n"))
    return (
        f"{points(lift['mean'])} points{f' {between}' if between else ''}, ahead in "
        f"{wins} of {repeats}"
    )


def _controls(result: Result, study: Mapping[str, Any]) -> list[str]:
    lines = []
    lift = fields(fields(_rows(study).get(_OWN)).get("over_mean"))
    accuracy = measured(result, _OWN, "test_acc")
    if is_lift(lift) and accuracy is not None:
        loss = float(lift["mean"])
        said = "collapsed, as it must" if loss <= -COLLAPSE else "did not collapse"
        lines.append(
            f"Without shared initial weights the uniform soup {said}: "
            f"{100 * accuracy.mean:.1f} % on test, {points(loss)} points against the "
            f"mean ingredient{_heights(study)}."
        )
    shares = [_largest(study, arm) for arm in (_GIS, _OWN_GIS)]
    if None not in shares:
        with_it, without = (100 * (share or 0.0) for share in shares)
        lines.append(
            f"Greedy interpolation gives {with_it:.0f} % of the weight to one "
            f"ingredient, {without:.0f} % without shared initial weights; at 100 % "
            "there is no soup."
        )
    tests = [measured(result, arm, "test_acc") for arm in (_GIS, _OWN_GIS)]
    if tests[0] is not None and tests[1] is not None:
        gap = points(tests[0].mean - tests[1].mean)
        lines.append(
            f"On test it is {gap} points with shared initial weights against those "
            "without: what greedy interpolation gains is due to sharing them only as "
            "far as this is above zero."
        )
    return lines


def _heights(study: Mapping[str, Any]) -> str:
    barriers = fields(study.get("barriers"))
    found = [
        _mean(fields(barriers.get(kind)).get("heights"))
        for kind in ("different", "shared")
    ]
    if None in found:
        return ""
    own, shared = found
    return f"; loss barrier {own:.2f}, with shared weights {shared:.2f}"


def _rows(study: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Arm to its differences."""
    found = study.get("rows")
    return {
        str(row["arm"]): row
        for row in (found if isinstance(found, list | tuple) else [])
        if isinstance(row, Mapping) and row.get("arm")
    }


def _arms_sheet(result: Result, study: Mapping[str, Any]) -> Sheet:
    rows, all_of_them = _rows(study), result.config.get("num_ingredients")
    lines: list[list[Cell]] = []
    for arm in result.arms:
        lifts = fields(rows.get(arm))
        cost = all_of_them if arm == _ENSEMBLE else 1
        lines.append(
            [
                arm,
                with_spread(measured(result, arm, "test_acc"), "test_acc"),
                with_spread(measured(result, arm, "val_acc"), "val_acc"),
                *(_lift(lifts.get(name)) for name in ("over_best", "over_mean")),
                plain_number(cost),
            ]
        )
    header = ["arm", "test %", "validation %", "over best", "over mean", "networks"]
    number = plain_number(all_of_them)
    return Sheet(f"Soups of {number} ingredients", header, lines)


def _lift(value: object) -> Cell:
    return value if isinstance(value, Mapping) and is_lift(value) else None


def _soups_sheet(study: Mapping[str, Any]) -> Sheet:
    lines: list[list[Cell]] = []
    for arm, repeats in fields(study.get("soups")).items():
        used = [sum(share > USED for share in each) for each in _shares(study, arm)]
        largest = _largest(study, arm)
        tried = _mean([fields(one).get("evaluations") for one in repeats or []])
        lines.append(
            [
                str(arm),
                f"{statistics.fmean(used):.1f}" if used else MISSING,
                MISSING if largest is None else f"{100 * largest:.0f} %",
                plain_number(_rounded(tried)),
            ]
        )
    header = ["soup", "used", "largest", "tried"]
    return Sheet("What the soups are made of", header, lines)


def _shares(study: Mapping[str, Any], arm: str) -> list[list[float]]:
    """Shares of the ingredients in each soup of an arm, layer by layer."""
    found: list[list[float]] = []
    for one in fields(study.get("soups")).get(arm) or []:
        weights = fields(one).get("weights") or []
        if all(isinstance(each, list | tuple) for each in weights):
            found += [list(layer) for layer in zip(*weights, strict=False)]
        else:
            found.append(list(weights))
    return [shares for shares in found if all(finite(w) is not None for w in shares)]


def _largest(study: Mapping[str, Any], arm: str) -> float | None:
    return _mean([max(shares) for shares in _shares(study, arm)])


def _stages_sheet(study: Mapping[str, Any]) -> Sheet:
    lines: list[list[Cell]] = [
        [
            str(name),
            duration(fields(stage).get("seconds")),
            plain_number(_rounded(fields(stage).get("peak_rss_mb"))),
        ]
        for name, stage in fields(study.get("stages")).items()
    ]
    every = [
        fields(one) for repeat in study.get("ingredients") or [] for one in repeat or []
    ]
    seconds = _mean([one.get("seconds") for one in every])
    peaks = [peak for one in every if (peak := finite(one.get("peak_rss_mb")))]
    if lines and seconds is not None:
        largest = plain_number(_rounded(max(peaks, default=None)))
        lines.append(["one ingredient", duration(seconds), largest])
    return Sheet("Time and memory", ["stage", "time", "peak MiB"], lines)


def _rounded(value: object) -> float | None:
    number = finite(value)
    return None if number is None else round(number)


def _mean(values: Sequence[object] | None) -> float | None:
    numbers = [n for value in values or [] if (n := finite(value)) is not None]
    return statistics.fmean(numbers) if numbers else None

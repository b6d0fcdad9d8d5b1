"""``report.html``: one experiment on one page that opens anywhere, offline."""

from pathlib import Path
from typing import Any

from graphllm.evaluate import Result
from graphllm.report import figures, plots
from graphllm.report.arms import Arm, arms_of, baseline_of, findings
from graphllm.report.head import sentences_of, tiles_of, title_of
from graphllm.report.html import Safe, breakable, page, section, table, tag
from graphllm.report.llaga import explanations_section, training_section
from graphllm.report.numbers import (
    fields,
    finite,
    main_metric,
    measured,
    scale,
    unit_of,
    verdict,
)
from graphllm.report.sections import (
    examples_section,
    setup_section,
    timing_section,
    usage_section,
)
from graphllm.report.selected import selection_section
from graphllm.report.study import study_of, study_plot, study_section
from graphllm.report.tables import arms_rows

MAX_SERIES = 4
# Studies whose own tables hold every arm.
SELF_CONTAINED = (
    "budget",
    "compression",
    "depth",
    "ladling",
    "llm_free",
    "mog",
    "prompts",
)


def write_report(
    result: Result, out_dir: str | Path, name: str = "report.html"
) -> Path:
    """Write ``report.html`` and its plots, ``arms.png``, ``curves.png``, ``study.png``.

    The page holds everything it shows: style and plots are inline, it loads
    nothing and runs no script. Whatever came from data or a language model is
    escaped. Parts the result has nothing for are left out.

    Args:
        result (Result): The experiment.
        out_dir (str | Path): Folder to write to; made if needed.
        name (str, optional): File name of the page. (default: :obj:`"report.html"`)

    Returns:
        Path: The page.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    metric = main_metric(result)
    dots, lines = _dots(result, metric), _curves(result)
    for stem, draw in (
        ("arms", dots),
        ("curves", lines),
        ("study", study_plot(result)),
    ):
        if draw is not None:
            figures.save_png(draw, out_dir / f"{stem}.png")
    body = Safe.join_all(
        [
            tag("h1", title_of(result)),
            *(tag("p", sentence, class_="lead") for sentence in sentences_of(result)),
            tiles_of(result, metric),
            study_section(result),
            _arms_section(result, metric, dots),
            _curves_section(result, lines),
            training_section(result),
            explanations_section(result),
            selection_section(result),
            usage_section(result),
            timing_section(result),
            examples_section(result),
            setup_section(result),
        ]
    )
    path = out_dir / name
    path.write_text(page(title_of(result), body), encoding="utf-8")
    return path


def _arms_section(
    result: Result, metric: str | None, dots: figures.Draw | None
) -> Safe:
    arms = arms_of(result, metric)
    if not arms or study_of(result).get("kind") in SELF_CONTAINED:
        return Safe()
    header, rows = arms_rows(result)
    lines = [
        [
            tag("span", _dot(arm), breakable(row[0])),
            *row[1:2],
            *_tinted(arm, metric, row[2:]),
        ]
        for arm, row in zip(arms, rows, strict=True)
    ]
    parts: list[str] = [tag("div", table(header, lines), class_="arms")]
    said = [tag("li", line) for line in findings(result, metric)]
    if said:
        parts.append(tag("ul", *said, class_="findings"))
    parts.append(
        tag(
            "p",
            "Mean ± unbiased standard deviation over seeds. Differences are taken seed "
            "by seed, in percentage points where the metric is a share. “Clearly” "
            "means: at least three seeds, and zero lies outside the 95 % confidence "
            "interval of the mean difference (Student's t).",
            class_="note",
        )
    )
    if dots is not None:
        parts.append(
            figures.figure_html(
                dots,
                "arms",
                f"{metric} of every arm; the numbers are in the table above",
                "Large dot: mean. Bar: ± one standard deviation. Small dots below: "
                "the seeds. Dashed: mean of the baseline.",
            )
        )
    notes = [
        (tag("dt", _dot(arm), breakable(arm.name)), arm.note)
        for arm in arms
        if arm.note
    ]
    if notes:
        parts.append(tag("h3", "What each arm is for"))
        pairs = [part for dt, note in notes for part in (dt, tag("dd", note))]
        parts.append(tag("dl", *pairs, class_="notes"))
    return section("Arms", *parts)


def _dot(arm: Arm) -> Safe:
    return tag("span", class_=f"dot {arm.role}")


def _tinted(arm: Arm, metric: str | None, cells: list[str]) -> list[str]:
    # Colour only what the rule below the table calls clear.
    if arm.difference is None or metric is None or not cells:
        return cells
    reading = verdict(arm.difference, metric)
    if reading not in ("better", "worse"):
        return cells
    return [tag("span", cells[0], class_=reading), *cells[1:]]


def _dots(result: Result, metric: str | None) -> figures.Draw | None:
    if metric is None or study_of(result).get("kind") in SELF_CONTAINED:
        return None
    rows = []
    for arm in arms_of(result, metric):
        spread = measured(result, arm.name, metric)
        if spread is not None:
            rows.append(plots.Row(arm.name, arm.role, spread))
    if not rows:
        return None
    base = baseline_of(result)
    spread = None if base is None else measured(result, base, metric)
    return plots.dots(
        rows,
        factor=scale(metric),
        unit=unit_of(metric),
        reference=None if spread is None else spread.mean,
    )


def _curves(result: Result) -> figures.Draw | None:
    series: dict[str, dict[str, list[Any]]] = {}
    for arm, quantities in fields(result.details.get("curves")).items():
        for name, values in fields(quantities).items():
            # One point makes no line.
            if sum(finite(value) is not None for value in values or []) > 1:
                series.setdefault(name, {})[arm] = values
    if not series:
        return None
    # What the run is judged by comes first, losses after.
    names = sorted(series, key=lambda name: "loss" in name)[:MAX_SERIES]
    roles = {arm.name: arm.role for arm in arms_of(result, None)}
    return plots.curves(
        {name: series[name] for name in names}, roles, baseline_of(result)
    )


def _curves_section(result: Result, lines: figures.Draw | None) -> Safe:
    if lines is None:
        return Safe()
    base = baseline_of(result)
    seed = f" (seed {result.seeds[0]})" if result.seeds else ""
    caption = f"By epoch, first seed{seed}."
    if base in fields(result.details.get("curves")):
        caption += f" Grey: {base}, for comparison."
    return section(
        "Training curves",
        figures.figure_html(lines, "curves", "training curves of every arm", caption),
    )

"""Several runs on one page."""

from collections.abc import Sequence
from pathlib import Path

from graphllm.evaluate import Result
from graphllm.report import figures, plots
from graphllm.report.arms import METHOD_TITLES, role_of
from graphllm.report.html import Safe, breakable, page, section, table, tag
from graphllm.report.numbers import (
    MISSING,
    duration,
    fields,
    finite,
    is_share,
    main_metric,
    measured,
    plain_number,
    scale,
    total_seconds,
    unit_of,
    with_spread,
)

METRICS = ("test_acc", "val_acc")


def write_comparison(results: Sequence[tuple[str, Result]], out: str | Path) -> Path:
    """Write one page that compares runs: a row an arm, and a plot.

    Args:
        results (Sequence[tuple[str, Result]]): Name of a run and its result.
        out (str | Path): The page to write; its folder is made if needed.

    Returns:
        Path: The page.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    title = f"Comparison of {len(results)} runs"
    body = Safe.join_all(
        [
            tag("h1", title),
            tag("p", ", ".join(name for name, _ in results) + ".", class_="lead"),
            *(tag("p", warning, class_="warn") for warning in warnings_of(results)),
            section("Runs", _runs(results)),
            section("Arms", _arms(results), *_plots(results)),
        ]
    )
    out.write_text(page(title, body), encoding="utf-8")
    return out


def warnings_of(results: Sequence[tuple[str, Result]]) -> list[str]:
    """Why the runs may not be comparable."""
    lines = []
    for what, key in (
        ("data sets", lambda r: str(r.dataset.get("name", "?"))),
        ("versions of the data", lambda r: str(r.dataset.get("fingerprint", "?"))),
        ("splits", lambda r: r.split),
        ("seeds", lambda r: ", ".join(map(str, r.seeds))),
    ):
        values = dict.fromkeys(key(result) for _, result in results)
        if len(values) > 1:
            listed = "; ".join(values)
            lines.append(
                f"Compare with care, the runs differ in their {what}: {listed}."
            )
    return lines


def _runs(results: Sequence[tuple[str, Result]]) -> Safe:
    """What each run was and what it cost."""
    header = ["run", "method", "data set", "split"]
    text_columns = len(header)
    header += ["seeds", "calls", "cached", "tokens", "cost", "time"]
    rows = []
    for name, result in results:
        usage = fields(result.usage)
        rows.append(
            [
                name,
                METHOD_TITLES.get(result.method, result.method),
                str(result.dataset.get("name", MISSING)),
                result.split or MISSING,
                str(len(result.seeds)),
                plain_number(usage.get("calls")),
                plain_number(usage.get("cache_hits")),
                plain_number(tokens_of(result)),
                plain_number(usage.get("cost")),
                duration(total_seconds(result.timing)),
            ]
        )
    return table(header, rows, numeric_from=text_columns)


def tokens_of(result: Result) -> float | None:
    """Prompt and completion tokens together, where any are known."""
    counts = [finite(result.usage.get(f"{k}_tokens")) for k in ("prompt", "completion")]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _columns(results: Sequence[tuple[str, Result]]) -> list[str]:
    """The usual metrics that occur, then the main metric of any other run."""
    mains = [main_metric(result) for _, result in results]
    found = {m for _, r in results for arm in r.arms.values() for m in fields(arm)}
    names = dict.fromkeys((*METRICS, *mains))
    return [name for name in names if name is not None and name in found]


def _arms(results: Sequence[tuple[str, Result]]) -> Safe:
    columns = _columns(results)
    header = ["run", "arm", *(f"{m} %" if is_share(m) else m for m in columns), "n"]
    rows = []
    for name, result in results:
        for arm in result.arms:
            spreads = [measured(result, arm, metric) for metric in columns]
            count = max((len(s.finite) for s in spreads if s is not None), default=0)
            cells = map(with_spread, spreads, columns)
            dot = tag("span", class_=f"dot {role_of(result, arm)}")
            rows.append([name, tag("span", dot, breakable(arm)), *cells, str(count)])
    return table(header, rows, numeric_from=2)


def _plots(results: Sequence[tuple[str, Result]]) -> list[Safe]:
    """A dot plot for each metric that some run is judged by."""
    shown = []
    mains = dict.fromkeys(main_metric(result) for _, result in results)
    for index, metric in enumerate(m for m in mains if m is not None):
        rows = []
        for name, result in results:
            for arm in result.arms:
                spread = measured(result, arm, metric)
                if spread is not None:
                    label = f"{figures.clip(name, 20)} · {arm}"
                    rows.append(plots.Row(label, role_of(result, arm), spread))
        if rows:
            draw = plots.dots(
                rows, factor=scale(metric), unit=unit_of(metric), reference=None
            )
            caption = (
                f"{metric}: large dot the mean, bar ± one standard deviation, small "
                "dots the seeds. Colours: blue method, grey baseline, orange control, "
                "violet upper bound."
            )
            alt = f"{metric} of every run and arm"
            shown.append(figures.figure_html(draw, f"compare{index}", alt, caption))
    return shown

"""The arms of a result as a table, for the terminal and for a README."""

from rich import box
from rich.table import Table
from rich.text import Text

from graphllm.evaluate import Result
from graphllm.report.arms import arms_of, baseline_of
from graphllm.report.numbers import (
    MISSING,
    is_share,
    main_metric,
    measured,
    metrics_of,
    wins,
    with_spread,
)

_STYLES = {"method": "bold", "control": "", "baseline": "", "bound": "dim"}


def arms_rows(
    result: Result, max_others: int | None = None
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: arm, metrics, difference to the baseline, seeds.

    Args:
        result (Result): The experiment.
        max_others (int, optional): How many metrics to show besides the main one;
            all by default. (default: :obj:`None`)

    Returns:
        tuple: Column titles, and one list of cells an arm. Shares are in percent,
        differences in percentage points, each as mean ± unbiased standard
        deviation over the seeds.
    """
    main, base = main_metric(result), baseline_of(result)
    if main is None or base is None:
        return ["arm"], [[arm] for arm in result.arms]
    others = [name for name in metrics_of(result) if name != main][:max_others]
    header = ["arm", _title(main), f"vs {base}", "better"]
    header += [*map(_title, others), "n"]
    rows = []
    for arm in arms_of(result, main):
        own = measured(result, arm.name, main)
        better = MISSING
        if arm.difference is not None:
            better = "{}/{}".format(*wins(arm.difference, main))
        row = [arm.name, with_spread(own, main)]
        row += [with_spread(arm.difference, main, signed=True), better]
        row += [with_spread(measured(result, arm.name, name), name) for name in others]
        rows.append([*row, str(0 if own is None else len(own.finite))])
    return header, rows


def arms_table(result: Result) -> Table:
    """The arms as a rich table, made for 80 columns.

    Args:
        result (Result): The experiment.

    Returns:
        Table: To be printed by a :class:`rich.console.Console`.
    """
    header, rows = arms_rows(result, max_others=2)
    dataset = result.dataset.get("name", "")
    title = f"{result.method} on {dataset}" if dataset else result.method
    table = Table(
        title=Text(title),
        caption="mean ± std over n seeds; differences are taken seed by seed",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    for column, name in enumerate(header):
        first = column == 0
        table.add_column(
            Text(name),
            justify="left" if first else "right",
            overflow="fold",
            no_wrap=not first,
            min_width=12 if first else None,
        )
    roles = [arm.role for arm in arms_of(result, None)]
    for role, row in zip(roles, rows, strict=True):
        table.add_row(*map(Text, row), style=_STYLES[role])
    return table


def arms_markdown(result: Result) -> str:
    """The arms as a Markdown table.

    Args:
        result (Result): The experiment.

    Returns:
        str: Lines that end in a line break; cell text is escaped.
    """
    header, rows = arms_rows(result)
    rule = [":--", *["--:"] * (len(header) - 1)]
    return "".join(
        "| " + " | ".join(line) + " |\n"
        for line in ([*map(_cell, header)], rule, *([*map(_cell, row)] for row in rows))
    )


def _title(metric: str) -> str:
    return f"{metric} %" if is_share(metric) else metric


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")

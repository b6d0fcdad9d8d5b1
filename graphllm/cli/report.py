"""``graphllm report``: pages from the results that runs left behind."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphllm.cli import options as opt
from graphllm.errors import GraphLLMError
from graphllm.evaluate import Result

Folders = Annotated[
    list[Path], typer.Argument(metavar="DIR...", help="Folders that runs wrote.")
]
Page = Annotated[
    Path | None,
    typer.Option(
        help="The page to write. [default: report.html in the folder of one run, "
        "comparison.html here for several]"
    ),
]


def report(folders: Folders, out: Page = None, json_: opt.Json = False) -> None:
    """One HTML page of a run, or one that compares several."""
    results = [
        (name, Result.load(folder))
        for name, folder in zip(names_of(folders), folders, strict=True)
    ]
    # matplotlib loads only now: --help stays quick.
    from graphllm.report import summary_table, write_comparison, write_report

    target = out or _default(folders)
    try:
        if len(results) == 1:
            path = write_report(results[0][1], target.parent, target.name)
        else:
            path = write_comparison(results, target)
    except OSError as error:
        raise GraphLLMError(
            f"cannot write '{target}' ({error.strerror}); give another --out"
        ) from None
    if json_:
        runs = [{"name": name, **_numbers(result)} for name, result in results]
        typer.echo(json.dumps({"report": str(path), "runs": runs}))
        return
    console = Console()
    for name, result in results:
        if len(results) > 1:
            typer.echo(name)
        console.print(summary_table(result))
    typer.echo(f"report: {path}")


def names_of(folders: list[Path]) -> list[str]:
    """A short name a run: the folder's own where that tells the runs apart."""
    places = [path.parent if path.is_file() else path for path in folders]
    short = [place.resolve().name for place in places]
    return [
        name if name and short.count(name) == 1 else str(place)
        for name, place in zip(short, places, strict=True)
    ]


def _default(folders: list[Path]) -> Path:
    if len(folders) > 1:
        return Path("comparison.html")
    only = folders[0]
    return (only.parent if only.is_file() else only) / "report.html"


def _numbers(result: Result) -> dict[str, object]:
    return {name: value for name, value in asdict(result).items() if name != "details"}

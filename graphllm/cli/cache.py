"""``graphllm cache``: look after the answers of language models."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from graphllm.cache_dir import cache_dir
from graphllm.cli import options as opt
from graphllm.errors import CacheError

if TYPE_CHECKING:
    from graphllm.llm.store import AnswerStore, StoreStats

app = typer.Typer(
    help="Answers of language models on disk: count, check, ship, delete.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Model = Annotated[str | None, typer.Option(help="Only answers of this model.")]
Template = Annotated[
    str | None,
    typer.Option(help="Only this prompt: expand@1, or expand for every version."),
]
Before = Annotated[
    datetime | None, typer.Option(help="Only answers older than this local time.")
]
ExportFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON lines to write.")
]
ImportFile = Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines to read.")]


@app.command()
def stats(cache: opt.Cache = None, json_: opt.Json = False) -> None:
    """Count answers, tokens and seconds, by model and by prompt."""
    path = _path(cache)
    if not path.exists():
        _tell({"path": str(path), "answers": 0}, f"no answers yet at {path}", json_)
        return
    with _Opened(path, read_only=True) as store:
        counts = store.stats()
    if json_:
        typer.echo(json.dumps({"path": str(path), **asdict(counts)}))
    else:
        _show(path, counts)


@app.command()
def verify(cache: opt.Cache = None, json_: opt.Json = False) -> None:
    """Derive every key and digest again; exit code 2 if a row is damaged."""
    with _Opened(_existing(cache), read_only=True) as store:
        damaged, answers = store.verify(), store.stats().answers
    found = {"answers": answers, "damaged": damaged}
    lines = [f"{key}: {reason}" for key, reason in damaged.items()]
    _tell(found, "\n".join([*lines, f"{answers} answers checked"]), json_)
    if damaged:
        raise CacheError(
            f"{len(damaged)} of {answers} answers are damaged; "
            "export cannot trust them, delete the file or restore a copy"
        )


@app.command()
def export(
    file: ExportFile,
    model: Model = None,
    template: Template = None,
    cache: opt.Cache = None,
    json_: opt.Json = False,
) -> None:
    """Write answers as JSON lines, to be shipped with a paper."""
    with _Opened(_existing(cache), read_only=True) as store:
        count = store.export(file, model=model, template=template)
    found = {"file": str(file), "written": count}
    _tell(found, f"{count} answers written to {file}", json_)


@app.command("import")
def import_(file: ImportFile, cache: opt.Cache = None, json_: opt.Json = False) -> None:
    """Read exported answers; those already here stay as they are."""
    path = _path(cache)
    with _Opened(path) as store:
        count = store.load(file)
    found = {"path": str(path), "new": count}
    _tell(found, f"{count} new answers in {path}", json_)


@app.command()
def prune(
    model: Model = None,
    template: Template = None,
    before: Before = None,
    cache: opt.Cache = None,
    json_: opt.Json = False,
) -> None:
    """Delete the answers that meet every condition given; export them first."""
    path = _existing(cache)
    with _Opened(path) as store:
        count = store.prune(template=template, model=model, before=before)
    found = {"path": str(path), "deleted": count}
    _tell(found, f"{count} answers deleted from {path}", json_)


class _Opened:
    """An answer store for the length of a ``with`` block."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        from graphllm.llm.store import AnswerStore

        self._store = AnswerStore(path, read_only=read_only)

    def __enter__(self) -> "AnswerStore":
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


def _path(cache: Path | None) -> Path:
    return cache or cache_dir() / "answers.sqlite"


def _existing(cache: Path | None) -> Path:
    path = _path(cache)
    if not path.exists():
        raise CacheError(f"no answer cache at '{path}'; give its file with --cache")
    return path


def _tell(found: dict[str, object], line: str, as_json: bool) -> None:
    typer.echo(json.dumps(found) if as_json else line)


def _show(path: Path, counts: "StoreStats") -> None:
    typer.echo(f"{path} ({counts.size / 1e6:,.1f} MB)")
    typer.echo(
        f"{counts.answers:,} answers, {counts.failures:,} questions without one, "
        f"{counts.prompt_tokens:,} prompt and {counts.completion_tokens:,} completion "
        f"tokens, {counts.seconds:,.0f} s of model time"
    )
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("by")
    table.add_column("name", overflow="fold")
    table.add_column("answers", justify="right")
    for kind, names in (("model", counts.models), ("prompt", counts.templates)):
        for name, count in names.items():
            table.add_row(kind, Text(name), f"{count:,}")
    if counts.answers:
        Console().print(table)

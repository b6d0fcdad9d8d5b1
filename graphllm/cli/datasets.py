"""``graphllm datasets``: what can be loaded by name, and what is known of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from graphllm.cli import options as opt

if TYPE_CHECKING:
    from graphllm.datasets import DatasetInfo

Name = Annotated[
    str | None,
    typer.Argument(help="One data set, or a directory of text-graph files to check."),
]


def datasets(
    name: Name = None, data_root: opt.DataRoot = None, json_: opt.Json = False
) -> None:
    """List the data sets, or show one: its card, its fingerprint, its files."""
    # PyG loads only now: --help stays quick.
    from graphllm.datasets import dataset_names, describe

    if name is None:
        cards = [card_of(describe(each, data_root)) for each in dataset_names()]
        if json_:
            typer.echo(json.dumps(cards))
        else:
            _show_list(cards)
        return
    known = name in dataset_names() or not Path(name).expanduser().is_dir()
    card = card_of(describe(name, data_root)) if known else check_folder(name)
    if json_:
        typer.echo(json.dumps(card))
    else:
        _show_card(card)


def card_of(info: "DatasetInfo") -> dict[str, Any]:
    """What is known of a data set, ready to print."""
    card = info.manifest
    return {
        "name": info.name,
        "title": card.title,
        "num_nodes": info.num_nodes,
        "num_edges": info.num_edges,
        "num_classes": card.num_classes,
        "fingerprint": info.fingerprint,
        "location": None if info.location is None else str(info.location),
        "if_missing": "download" if card.downloads else "build",
        "splits": list(card.splits),
        "label_names": list(card.label_names),
        "source": card.source,
        "licence": card.licence,
        "downloads": [remote.url for remote in card.downloads],
    }


def check_folder(folder: str) -> dict[str, Any]:
    """Read a directory of text-graph files and say what is in it.

    Raises:
        GraphLLMError: If the files are no text graph.
    """
    from graphllm.data import graph_fingerprint
    from graphllm.datasets import load_dataset

    data = load_dataset(folder)
    labels = list(getattr(data, "label_names", None) or [])
    masks = getattr(data, "train_mask", None) is not None
    return {
        "name": folder,
        "title": "a text graph of your own",
        "num_nodes": data.num_nodes,
        "num_edges": data.num_edges,
        "num_classes": len(labels),
        "fingerprint": graph_fingerprint(data),
        "location": str(Path(folder).expanduser().resolve()),
        "splits": (["file"] if masks else [])
        + (["random-60-20-20", "random-20-30-per-class"] if labels else []),
        "label_names": labels,
    }


def _show_list(cards: list[dict[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("name", style="bold", no_wrap=True)
    for title in ("nodes", "edges", "classes"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("files", no_wrap=True)
    table.add_column("what")
    for card in cards:
        table.add_row(
            card["name"],
            _count(card["num_nodes"]),
            _count(card["num_edges"]),
            _count(card["num_classes"]),
            card["if_missing"] if card["location"] is None else "here",
            Text(card["title"]),
        )
    Console().print(table)
    typer.echo("More on one: graphllm datasets NAME")


def _show_card(card: dict[str, Any]) -> None:
    place = {
        "download": "not here; downloaded when it is first used",
        "build": "not here; built when it is first used",
    }.get(card.get("if_missing", ""), "")
    rows = {
        "nodes": _count(card["num_nodes"]),
        "edges": f"{_count(card['num_edges'])} (columns of edge_index)",
        "classes": _count(card["num_classes"]),
        "fingerprint": card["fingerprint"] or "known once it is built or loaded",
        "files": card["location"] or place,
        "splits": ", ".join(card["splits"]),
        "labels": ", ".join(card["label_names"]),
        "source": card.get("source", ""),
        "licence": card.get("licence", ""),
    }
    console = Console()
    console.print(Text(f"{card['name']}: {card['title']}"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for title, value in rows.items():
        if value:
            grid.add_row(f"  {title}", Text(value))
    console.print(grid)


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"

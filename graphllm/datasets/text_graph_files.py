"""Any text graph as two files: nodes (JSONL or CSV) and edges (CSV)."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, to_undirected

from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.edges_file import read_edges
from graphllm.datasets.labels import encode_labels, read_label_names
from graphllm.datasets.nodes_file import NodeTable, read_nodes
from graphllm.errors import DatasetError

NODES_FILES = ("nodes.jsonl", "nodes.csv")
EDGES_FILE = "edges.csv"
LABEL_NAMES_FILE = "label_names.json"


class TextGraphFiles(TextGraphDataset):
    """A text graph read from a directory; the way to bring a graph of your own.

    The directory holds

    * ``nodes.jsonl`` (one object a line) or ``nodes.csv`` (with a header): ``id``,
      ``text`` and optionally ``label``, ``split`` (train, val, test, or empty) and
      ``full_text``. Ids are strings or integers; a missing label becomes ``-1``.
    * ``edges.csv`` with a header: ``source``, ``target``, ids of nodes.
    * ``label_names.json``, optional: the class names in class order. Without it they
      are the distinct labels, sorted.

    Masks are set if any node has a split. ``data.node_names`` keeps the ids.

    Args:
        directory (str or Path): The directory.
        undirected (bool, optional): Whether every edge is followed by its reverse,
            as GNNs want it, also where links have a direction. Repeated edges are
            merged either way, self-loops are kept. (default: :obj:`True`)
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)
        name (str, optional): The name of the data set, else that of the directory.
            (default: :obj:`None`)
        label_names (Sequence[str], optional): Class names in class order, before
            those of the file. (default: :obj:`None`)

    Raises:
        DatasetError: In one line, with file and line number, if anything is wrong.
    """

    def __init__(
        self,
        directory: str | Path,
        undirected: bool = True,
        transform: Transform | None = None,
        name: str | None = None,
        label_names: Sequence[str] | None = None,
    ) -> None:
        folder = Path(directory).expanduser()
        data = read_text_graph(folder, undirected, label_names)
        super().__init__(data, name or folder.resolve().name, transform)


def read_text_graph(
    directory: Path,
    undirected: bool = True,
    label_names: Sequence[str] | None = None,
) -> Data:
    """Read the files of :class:`TextGraphFiles` into a graph.

    Args:
        directory (Path): The directory.
        undirected (bool, optional): Whether to add the reverse of every edge.
            (default: :obj:`True`)
        label_names (Sequence[str], optional): Class names in class order.
            (default: :obj:`None`)

    Returns:
        Data: With ``text``, ``edge_index``, ``node_names`` and, where the files have
        them, ``y`` and ``label_names``, masks, ``full_text``.

    Raises:
        DatasetError: In one line, with file and line number, if anything is wrong.
    """
    nodes_file = find_nodes_file(directory)
    table = read_nodes(nodes_file)
    num_nodes = len(table.ids)
    edge_index = read_edges(directory / EDGES_FILE, table.ids)
    data = Data(text=table.text, node_names=table.ids, num_nodes=num_nodes)
    if undirected:
        data.edge_index = to_undirected(edge_index, num_nodes=num_nodes)
    else:
        data.edge_index = coalesce(edge_index, num_nodes=num_nodes)
    if table.full_text:
        data.full_text = table.full_text
    if any(label is not None for label in table.labels):
        names_file = directory / LABEL_NAMES_FILE
        if label_names is None and names_file.exists():
            label_names = read_label_names(names_file)
        try:
            data.y, data.label_names = encode_labels(table.labels, label_names)
        except DatasetError as error:
            raise DatasetError(f"{nodes_file}: {error}") from None
    _set_masks(data, table)
    return data


def find_nodes_file(directory: Path) -> Path:
    """The nodes file of a directory.

    Raises:
        DatasetError: If the directory or the file is missing, or there are two.
    """
    if not directory.is_dir():
        raise DatasetError(f"{directory}: there is no such directory")
    found = [name for name in NODES_FILES if (directory / name).exists()]
    if len(found) == 1:
        return directory / found[0]
    if found:
        raise DatasetError(f"{directory}: holds {' and '.join(found)}; keep one")
    raise DatasetError(
        f"{directory}: holds no nodes.jsonl or nodes.csv, and no graph without one; "
        "see graphllm.datasets.TextGraphFiles for the format"
    )


def write_text_graph(data: Data, directory: str | Path) -> None:
    """Write a text graph as files that :class:`TextGraphFiles` reads back.

    An undirected graph is written with every edge once. A directed one is written as
    it is, to be read back with ``undirected=False``. Masks are written for labelled
    nodes.

    Args:
        data (Data): A text graph.
        directory (str or Path): Made if need be; files in it are replaced.

    Raises:
        DatasetError: If a file cannot be written.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nodes.jsonl").write_text(_nodes_jsonl(data), encoding="utf-8")
        (folder / EDGES_FILE).write_text(_edges_csv(data), encoding="utf-8")
        if data.y is not None:
            names = json.dumps(data.label_names, ensure_ascii=False)
            (folder / LABEL_NAMES_FILE).write_text(names, encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written: {error.strerror}") from None


def _nodes_jsonl(data: Data) -> str:
    num_nodes = int(data.num_nodes or 0)
    names = getattr(data, "node_names", None) or range(num_nodes)
    full_text = getattr(data, "full_text", None)
    labels = None if data.y is None else data.y.tolist()
    splits: list[str | None] = [None] * num_nodes
    for word in ("train", "val", "test"):
        mask = getattr(data, f"{word}_mask", None)
        for node in [] if mask is None else mask.nonzero().view(-1).tolist():
            splits[node] = word
    lines = []
    for node, (name, text) in enumerate(zip(names, data.text, strict=True)):
        row: dict[str, object] = {"id": name, "text": text}
        if labels is not None and labels[node] >= 0:
            row["label"] = data.label_names[labels[node]]
        if splits[node] is not None and "label" in row:
            row["split"] = splits[node]
        if full_text is not None:
            row["full_text"] = full_text[node]
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines)


def _edges_csv(data: Data) -> str:
    names = getattr(data, "node_names", None) or range(int(data.num_nodes or 0))
    row, col = coalesce(data.edge_index, num_nodes=data.num_nodes)
    if data.is_undirected():
        row, col = row[row <= col], col[row <= col]
    pairs = zip(row.tolist(), col.tolist(), strict=True)
    lines = [f"{_cell(names[a])},{_cell(names[b])}\n" for a, b in pairs]
    return "source,target\n" + "".join(lines)


def _cell(name: object) -> str:
    text = str(name)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n\r ') else text


def _set_masks(data: Data, table: NodeTable) -> None:
    if not any(table.splits):
        return
    for word in ("train", "val", "test"):
        mask = [split == word for split in table.splits]
        setattr(data, f"{word}_mask", torch.tensor(mask))

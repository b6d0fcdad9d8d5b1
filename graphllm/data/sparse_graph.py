"""The edges that a sparsifier kept, as a file that other networks run on."""

import csv
import logging
from copy import copy
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import DatasetError

logger = logging.getLogger(__name__)


def write_sparse_graph(
    sparse: Data, path: str | Path, *, num_edges: int, sparsity: float
) -> Path:
    """Write the kept edges of a graph.

    ``*.csv`` holds them as the ``edges.csv`` of a text graph does (``source``,
    ``target``, the ids of ``node_names`` where there are any), one line a direction.
    Any other name holds tensors alone, for ``torch.load(path, weights_only=True)``:
    ``edge_index``, ``e_id`` (the kept columns of the dense graph), ``num_nodes``,
    ``num_edges``, ``sparsity`` and, where the graph has it, ``labels_read``.

    Args:
        sparse (Data): As :meth:`graphllm.sparsify.Sparsifier.sparsify` returns it;
            with ``labels_read``, :math:`(|V|)` ``bool``, the nodes whose labels chose
            the edges, which :func:`~graphllm.data.apply_split` keeps out of the test.
        path (str or Path): Replaced if it is there.
        num_edges (int): Columns of ``edge_index`` before.
        sparsity (float): Share of them that was asked to be removed.

    Returns:
        Path: The file.

    Raises:
        DatasetError: If it cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            _write_csv(sparse, path)
        else:
            tensors = {
                "edge_index": sparse.edge_index.detach().cpu().clone(),
                "e_id": sparse.e_id.detach().cpu().clone(),
                "num_nodes": torch.tensor(int(sparse.num_nodes or 0)),
                "num_edges": torch.tensor(num_edges),
                "sparsity": torch.tensor(sparsity, dtype=torch.double),
            }
            if "labels_read" in sparse:
                tensors["labels_read"] = sparse.labels_read.detach().cpu().clone()
            with path.open("wb") as file:
                torch.save(tensors, file)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def read_sparse_graph(path: str | Path, data: Data) -> tuple[Tensor, Tensor | None]:
    """Read a file that :func:`write_sparse_graph` wrote.

    Args:
        path (str or Path): A ``.csv`` file, or one of tensors.
        data (Data): The graph that the edges are of.

    Returns:
        tuple: The edges, :math:`(2, |E'|)` ``int64``, in the order of the file, and
        the nodes whose labels chose them, :math:`(|V|)` ``bool``, where it says so.

    Raises:
        DatasetError: If there is no such file, or it holds something else, nodes that
            the graph does not have or, by its own count, another number of them.
    """
    path = Path(path)
    num_nodes = int(data.num_nodes or 0)
    if not path.is_file():
        raise DatasetError(
            f"{path}: there is no such file; write one with graphllm mog --export"
        )
    if path.suffix == ".csv":
        names = getattr(data, "node_names", None) or range(num_nodes)
        return _read_csv(path, names), None
    edge_index, count, read = _read_tensors(path)
    if count != num_nodes:
        raise DatasetError(
            f"{path}: is of a graph of {count} nodes, and this one has {num_nodes}; "
            "give the sparse graph of this data set"
        )
    outside = edge_index[(edge_index < 0) | (edge_index >= num_nodes)]
    if outside.numel():
        raise DatasetError(
            f"{path}: an edge points to node {int(outside[0])}, but the graph has "
            f"nodes 0 to {num_nodes - 1}; export it again"
        )
    return edge_index, read


def apply_sparse_graph(data: Data, path: str | Path) -> Data:
    """The graph with the edges of a file only.

    Args:
        data (Data): A graph; left as it is.
        path (str or Path): See :func:`read_sparse_graph`.

    Returns:
        Data: Shallow copy; ``edge_index`` and every edge-level attribute hold the
        edges of the file in its order, ``e_id`` the columns that they had, and
        ``labels_read`` the nodes whose labels chose them. A file that does not say
        whose is read with a warning in the log.

    Raises:
        DatasetError: As :func:`read_sparse_graph`, or if the graph does not have an
            edge of the file.
    """
    wanted, read = read_sparse_graph(path, data)
    wanted = wanted.to(data.edge_index.device)
    e_id = _locate(data.edge_index, wanted, int(data.num_nodes or 0))
    missing = int((e_id < 0).sum())
    if missing:
        source, target = wanted[:, e_id < 0][:, 0].tolist()
        raise DatasetError(
            f"{path}: {missing} of its {wanted.size(1)} edges are not in the graph, "
            f"such as {source} -> {target}; give the sparse graph of this data set"
        )
    sparse = copy(data)
    for name, value in data:
        # Lists, such as texts, belong to nodes whatever their length.
        if isinstance(value, Tensor) and data.is_edge_attr(name):
            sparse[name] = value.index_select(data.__cat_dim__(name, value), e_id)
    sparse.num_nodes, sparse.e_id = data.num_nodes, e_id
    if read is None:
        logger.warning(
            "'%s' does not say whose labels chose its edges; test on none of them: "
            "keep to the split and the seed that it was exported with",
            path,
        )
    else:
        sparse.labels_read = read.to(data.edge_index.device)
    return sparse


def _locate(edge_index: Tensor, wanted: Tensor, num_nodes: int) -> Tensor:
    """Columns where edges stand, -1 for none; a repeated edge takes the next one."""
    known, order = (edge_index[0] * num_nodes + edge_index[1]).sort(stable=True)
    asked, back = (wanted[0] * num_nodes + wanted[1]).sort(stable=True)
    repeat = torch.arange(asked.numel(), device=asked.device)
    repeat -= torch.searchsorted(asked, asked)
    place = torch.searchsorted(known, asked) + repeat
    found = place < known.numel()
    found[found.clone()] = known[place[found]] == asked[found]
    columns = torch.full_like(asked, -1)
    columns[back[found]] = order[place[found]]
    return columns


def _read_tensors(path: Path) -> tuple[Tensor, int, Tensor | None]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        edge_index, num_nodes = loaded["edge_index"].long(), int(loaded["num_nodes"])
        read = loaded.get("labels_read")
        if read is not None:
            read = read.bool().view(num_nodes)
    except Exception as error:  # a foreign file: torch raises of every kind
        reason = " ".join(str(error).split())[:120]
        raise DatasetError(
            f"{path}: is no sparse graph ({reason}); write one with "
            "graphllm mog --export"
        ) from None
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise DatasetError(
            f"{path}: 'edge_index' must have the shape (2, num_edges) "
            f"(got {tuple(edge_index.shape)}); export it again"
        )
    return edge_index, num_nodes, read


def _write_csv(sparse: Data, path: Path) -> None:
    names = getattr(sparse, "node_names", None) or range(int(sparse.num_nodes or 0))
    if len({str(name) for name in names}) < len(names):
        raise DatasetError(
            "two nodes have one name, so that a CSV file cannot tell them apart; "
            f"write {path.with_suffix('.pt')}"
        )
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("source", "target"))
        pairs = zip(*sparse.edge_index.tolist(), strict=True)
        rows.writerows((names[a], names[b]) for a, b in pairs)


def _read_csv(path: Path, names: list[str] | range) -> Tensor:
    position = {str(name): node for node, name in enumerate(names)}
    ends: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"source", "target"} <= set(rows.fieldnames or ()):
                raise DatasetError(
                    f"{path}: the header has no columns 'source' and 'target'"
                )
            for row in rows:
                for column in ("source", "target"):
                    name = row[column] or ""
                    node = position.get(name, position.get(name.strip()))
                    if node is None:
                        raise DatasetError(
                            f"{path}, line {rows.line_num}: the {column} "
                            f"'{row[column]}' is no node of the graph; give the "
                            "sparse graph of this data set"
                        )
                    ends.append(node)
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: is not UTF-8 text; export it again") from None
    except csv.Error as error:
        raise DatasetError(f"{path}: is no CSV file ({error})") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    return torch.tensor(ends, dtype=torch.long).view(-1, 2).t().contiguous()

"""Read sets of small graphs from files that are there."""

import contextlib
import io
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.data.separate import separate
from torch_geometric.io import read_tu_data

from graphllm.datasets.locate import find_folder
from graphllm.errors import DatasetError, UnknownNameError
from graphllm.evaluate import accuracy
from graphllm.experiments.mog.graph_sets import PARTS, GraphSet, Split

#: Sets of the Open Graph Benchmark with one yes-or-no question a molecule.
MOLECULES = ("ogbg-molbace", "ogbg-molbbbp", "ogbg-molhiv")
OGB_FILES = (
    *(f"raw/{name}.csv.gz" for name in ("edge", "node-feat", "graph-label")),
    *(f"raw/num-{name}-list.csv.gz" for name in ("node", "edge")),
    *(f"split/scaffold/{part}.csv.gz" for part in PARTS),
)
# What a file that is damaged, or is something else, raises where it is read.
DAMAGED = (
    *(OSError, EOFError, ValueError, IndexError, KeyError, RuntimeError),
    *(zlib.error, zipfile.BadZipFile),
)


def ogb_graphs(name: str, data_root: str | Path | None = None) -> GraphSet:
    """Molecules of the Open Graph Benchmark, with its scaffold split.

    Read by OGB's own reader from the official raw files in ``ogb/`` of a data root,
    both directions of every bond. Nothing is downloaded, asked or unpickled. Atoms
    are embedded by OGB's ``AtomEncoder``, the score is the ROC-AUC of its
    ``Evaluator``. Bond features are left out: the networks here read none.

    Args:
        name (str): Of :obj:`MOLECULES`.
        data_root (str or Path, optional): Folder that holds data sets, see
            :func:`graphllm.datasets.locate.data_roots`.

    Raises:
        UnknownNameError: If it is another set.
        DatasetError: If the files are not there, or not what they should be.
    """
    if name not in MOLECULES:
        raise UnknownNameError("set of molecules", name, MOLECULES)
    folder = "ogb/" + name.replace("-", "_")
    place = find_folder(folder, OGB_FILES, data_root)
    if place is None:
        raise DatasetError(
            f"'{name}' is in no '{folder}' of the data roots; put OGB's folders 'raw' "
            "and 'split' there"
        )
    try:
        graphs, split = _read_ogb(place)
    except DAMAGED as error:
        raise DatasetError(
            f"'{place}' is not readable as '{name}' ({error}); fetch it anew"
        ) from error
    with _without_version_check():
        from ogb.graphproppred import Evaluator
        from ogb.graphproppred.mol_encoder import AtomEncoder
    evaluator = Evaluator(name)

    def roc_auc(out: Tensor, y: Tensor) -> float:
        pair = {"y_true": y.view(-1, 1), "y_pred": (out[:, 1] - out[:, 0]).view(-1, 1)}
        return float(evaluator.eval(pair)["rocauc"])

    return GraphSet(name, graphs, 2, "ROC-AUC", roc_auc, AtomEncoder, split)


def tu_graphs(name: str, data_root: str | Path | None = None) -> GraphSet:
    """A set of TUDataset, from its archive ``tu/NAME.zip`` of a data root.

    Read by PyG's reader, which drops self-loops and repeated edges. Features are the
    node attributes, then the node labels as one-hot vectors; a batch normalisation
    brings them to one scale before they are embedded. Splits are drawn as in
    :func:`~graphllm.experiments.mog.graph_sets.stratified_split`, and the score is the
    accuracy. Edge features are left out.

    Args:
        name (str): For example ``"PROTEINS"``.
        data_root (str or Path, optional): Folder that holds data sets, see
            :func:`graphllm.datasets.locate.data_roots`.

    Raises:
        DatasetError: If there is no such archive, or nodes have no features.
    """
    place = find_folder("tu", [f"{name}.zip"], data_root)
    if place is None:
        raise DatasetError(
            f"'tu/{name}.zip' is in none of the data roots; put the archive of "
            "TUDataset there"
        )
    try:
        graphs = _read_tu(place / f"{name}.zip", name)
    except DAMAGED as error:
        raise DatasetError(
            f"'{place / name}.zip' is not readable as '{name}' ({error}); fetch it anew"
        ) from error
    if graphs[0].x is None:
        raise DatasetError(
            f"nodes of '{name}' have neither labels nor attributes; take a set that "
            "describes its nodes"
        )
    width = graphs[0].x.size(1)
    return GraphSet(
        name=name,
        graphs=graphs,
        num_classes=1 + max(int(graph.y) for graph in graphs),
        metric="accuracy",
        score=lambda out, y: accuracy(out.argmax(dim=1), y),
        encoder=lambda size: nn.Sequential(
            nn.BatchNorm1d(width), nn.Linear(width, size)
        ),
    )


def _read_ogb(place: Path) -> tuple[list[Data], Split]:
    with _without_version_check():
        from ogb.io.read_graph_pyg import read_graph_pyg
    import pandas as pd

    def column(file: str) -> list[Any]:
        return pd.read_csv(place / file, header=None)[0].tolist()

    # OGB's reader tells the terminal how far it is.
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        read = read_graph_pyg(str(place / "raw"), add_inverse_edge=True)
    labels = column("raw/graph-label.csv.gz")
    if len(labels) != len(read) or not {0, 1} >= set(labels):
        raise ValueError(f"{len(read)} graphs need as many labels, each 0 or 1")
    graphs = [
        Data(x=graph.x, edge_index=graph.edge_index, y=torch.tensor([int(label)]))
        for graph, label in zip(read, labels, strict=True)
    ]
    return graphs, {part: column(f"split/scaffold/{part}.csv.gz") for part in PARTS}


def _read_tu(archive: Path, name: str) -> list[Data]:
    with tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(scratch)
        whole, slices, _ = read_tu_data(str(Path(scratch) / name), name)
    whole.edge_attr = None
    slices.pop("edge_attr", None)
    return [
        separate(Data, whole, i, slices, decrement=False)
        for i in range(whole.y.size(0))
    ]


@contextlib.contextmanager
def _without_version_check() -> Iterator[None]:
    """Import OGB, which on its first import asks the network for a newer version."""
    modules: dict[str, Any] = sys.modules
    if "ogb" in modules:
        yield
        return
    known = modules.get("outdated")
    modules["outdated"] = None
    try:
        yield
    finally:
        del modules["outdated"]
        if known is not None:
            modules["outdated"] = known

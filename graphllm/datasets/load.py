"""Data sets by name or directory, as the command line takes them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch_geometric.data import Data

from graphllm.data import validate_text_graph
from graphllm.datasets.base import TextGraphDataset
from graphllm.datasets.citeseer import CiteSeer
from graphllm.datasets.cora import Cora
from graphllm.datasets.locate import find_folder
from graphllm.datasets.manifest import Manifest, load_manifest
from graphllm.datasets.planetoid_text import PlanetoidText
from graphllm.datasets.pydocs import PyDocs
from graphllm.datasets.pydocs.dataset import pydocs_folder
from graphllm.datasets.text_graph_files import TextGraphFiles
from graphllm.datasets.wikispeedia import Wikispeedia
from graphllm.datasets.wordnet import WordNet, find_wordnet
from graphllm.errors import DatasetError, UnknownNameError

Root = str | Path | None

# How each name becomes a data set; PyDocs needs no root.
LOADERS: Mapping[str, Callable[[Root], TextGraphDataset]] = {
    "citeseer": CiteSeer,
    "cora": Cora,
    "pubmed": lambda root: PlanetoidText(root, "PubMed"),
    "pydocs": lambda root: PyDocs(),
    "wikispeedia": Wikispeedia,
    "wordnet": WordNet,
}


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without loading it.

    Args:
        manifest (Manifest): Its card.
        location (Path, optional): Where its files are; None if they are not on this
            machine.
        fingerprint (str, optional): Of the graph that loading gives, where known.
        num_nodes (int, optional): Nodes, where known.
        num_edges (int, optional): Columns of ``edge_index``, where known.
    """

    manifest: Manifest
    location: Path | None
    fingerprint: str | None
    num_nodes: int | None
    num_edges: int | None

    @property
    def name(self) -> str:
        """Short name."""
        return self.manifest.name


def dataset_names() -> list[str]:
    """Every name :func:`load_dataset` knows, sorted."""
    return sorted(LOADERS)


def load_dataset(name_or_dir: str, data_root: str | Path | None = None) -> Data:
    """Load a text graph by name, or from a directory of text-graph files.

    A known name is never taken for a directory; write ``./cora`` for that.

    Args:
        name_or_dir (str): One of :func:`dataset_names`, or a directory in the form of
            :class:`TextGraphFiles`.
        data_root (str or Path, optional): Searched for named data sets before
            ``GRAPHLLM_DATA``, the cache and the public address.
            (default: :obj:`None`)

    Returns:
        Data: Validated, with ``name`` and, where the data has them, ``text``, ``y``,
        ``label_names``, masks and ``full_text``. ``pubmed`` has no ``text``.

    Raises:
        UnknownNameError: If it is neither a name nor a directory.
        DatasetError: If the files are broken or hold another graph.
        DownloadError: If the data set is nowhere and cannot be fetched.
    """
    name = str(name_or_dir)
    if name in LOADERS:
        dataset = LOADERS[name](data_root)
    elif Path(name).expanduser().is_dir():
        dataset = TextGraphFiles(name)
    elif "/" in name or "\\" in name:
        raise DatasetError(f"{name}: there is no such directory")
    else:
        raise UnknownNameError("data set", name, LOADERS)
    return validate_text_graph(dataset[0], require_text=False)


def describe(name: str, data_root: str | Path | None = None) -> DatasetInfo:
    """What is known of a data set; nothing is built, downloaded or loaded.

    Args:
        name (str): One of :func:`dataset_names`.
        data_root (str or Path, optional): As for :func:`load_dataset`.
            (default: :obj:`None`)

    Returns:
        DatasetInfo: Its card, place and fingerprint.

    Raises:
        UnknownNameError: If there is no such data set.
    """
    if name not in LOADERS:
        raise UnknownNameError("data set", name, LOADERS)
    manifest = load_manifest(name)
    fingerprint = manifest.fingerprint
    num_nodes, num_edges = manifest.num_nodes, manifest.num_edges
    location: Path | None
    if name == "pydocs":
        location = pydocs_folder()
        if not (location / "build.json").exists():
            location = None
    elif name == "wordnet":
        location = find_wordnet(data_root)
    else:
        files = manifest.files or [remote.path for remote in manifest.downloads]
        location = find_folder(manifest.folder, list(files), data_root)
    if name == "pydocs" and location is not None:
        record = json.loads((location / "build.json").read_text(encoding="utf-8"))
        fingerprint = record["fingerprint"]
        num_nodes, num_edges = record["num_nodes"], record["num_edges"]
    return DatasetInfo(manifest, location, fingerprint, num_nodes, num_edges)

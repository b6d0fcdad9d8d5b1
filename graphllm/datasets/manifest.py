"""What is known of a data set before it is loaded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from torch_geometric.data import Data

from graphllm.data import graph_fingerprint
from graphllm.errors import DatasetError


@dataclass(frozen=True)
class RemoteFile:
    """A file with a public address.

    Args:
        path (str): Where it goes, relative to the folder of the data set.
        url (str): Where it is.
        sha256 (str, optional): Its checksum, None where it is not known.
    """

    path: str
    url: str
    sha256: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The card of a data set, as far as machines read it.

    Args:
        name (str): Short name.
        title (str): What it is, in a line.
        licence (str): Terms of use.
        source (str): Where it comes from.
        folder (str): Its place below a data root.
        files (tuple[str, ...]): Files that have to be in the folder.
        splits (tuple[str, ...]): Splits that make sense for it.
        label_names (tuple[str, ...]): Class names in class order; empty where the
            files decide.
        downloads (tuple[RemoteFile, ...]): What it is prepared from.
        num_nodes (int, optional): Nodes.
        num_edges (int, optional): Columns of ``edge_index``, both directions counted.
        num_classes (int, optional): Classes.
        fingerprint (str, optional): :func:`graphllm.data.graph_fingerprint` of the
            loaded graph; None where it depends on installed versions.
    """

    name: str
    title: str
    licence: str
    source: str
    folder: str
    files: tuple[str, ...]
    splits: tuple[str, ...]
    label_names: tuple[str, ...] = ()
    downloads: tuple[RemoteFile, ...] = ()
    num_nodes: int | None = None
    num_edges: int | None = None
    num_classes: int | None = None
    fingerprint: str | None = None


def load_manifest(name: str) -> Manifest:
    """Read a manifest that comes with the package.

    Args:
        name (str): For example ``"cora"``.

    Returns:
        Manifest: The manifest.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    file = files("graphllm.datasets") / "manifests" / f"{name}.json"
    return parse_manifest(json.loads(file.read_text(encoding="utf-8")))


def parse_manifest(raw: Mapping[str, object]) -> Manifest:
    """Turn the JSON form of a manifest into the dataclass."""
    values = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in raw.items()
    }
    downloads = raw.get("downloads", [])
    assert isinstance(downloads, list)
    values["downloads"] = tuple(RemoteFile(**entry) for entry in downloads)
    return Manifest(**values)  # type: ignore[arg-type]


def check_graph(data: Data, manifest: Manifest, where: object) -> Data:
    """Compare a loaded graph with its manifest.

    Texts in another order than the node ids of a public split would make every
    number wrong without a sign of it, so this is checked and never assumed.

    Args:
        data (Data): The graph.
        manifest (Manifest): What it should be.
        where (object): Where it was read from, for the message.

    Returns:
        Data: The same graph.

    Raises:
        DatasetError: If the fingerprint differs.
    """
    if manifest.fingerprint is None:
        return data
    found = graph_fingerprint(data)
    if found != manifest.fingerprint:
        raise DatasetError(
            f"{where}: this is not the graph '{manifest.name}' (fingerprint {found}, "
            f"expected {manifest.fingerprint}; {data.num_nodes} nodes and "
            f"{data.num_edges} edges, expected {manifest.num_nodes} and "
            f"{manifest.num_edges}); texts or labels are not on the node ids they "
            "belong to. Remove it to fetch it again, or give the directory in place "
            "of the name to use it as a graph of your own"
        )
    return data

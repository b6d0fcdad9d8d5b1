"""Prepared files where they are, else made from what is published."""

from collections.abc import Callable
from pathlib import Path

from torch_geometric.data import Data

from graphllm.datasets.locate import find_folder
from graphllm.datasets.manifest import Manifest, check_graph
from graphllm.datasets.text_graph_files import read_text_graph

Root = str | Path | None


def read_prepared(
    manifest: Manifest, root: Root, prepare: Callable[[Root], Path]
) -> tuple[Data, Path]:
    """The graph of a manifest, checked against its fingerprint, and its folder.

    Raises:
        DatasetError: If the files hold another graph.
        DownloadError: If the files are nowhere and cannot be fetched.
    """
    folder = find_folder(manifest.folder, manifest.files, root) or prepare(root)
    data = read_text_graph(folder, label_names=manifest.label_names)
    return check_graph(data, manifest, folder), folder

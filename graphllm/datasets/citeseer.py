"""CiteSeer with the titles and abstracts of its papers."""

from pathlib import Path

from torch_geometric.data import Data

from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.fetch import fetch
from graphllm.datasets.locate import download_root
from graphllm.datasets.manifest import Manifest, check_graph, load_manifest
from graphllm.datasets.prepared import read_prepared
from graphllm.datasets.raw_texts import RawTextGraph, classes_by_size, read_raw_texts
from graphllm.datasets.text_graph_files import write_text_graph

# Papers of each class, in the order of the label names of the manifest.
CLASS_SIZES = (239, 562, 685, 490, 641, 569)


class CiteSeer(TextGraphDataset):
    """3,186 computer science papers with title, abstract and citations.

    These are the papers whose text is known. They are not on the node ids of
    Planetoid's CiteSeer (3,327 nodes), so there is no public split.

    Args:
        root (str or Path, optional): Folder that holds ``citeseer/nodes.jsonl``; else
            see :func:`graphllm.datasets.locate.data_roots`. (default: :obj:`None`)
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)

    Raises:
        DatasetError: If the files hold another graph.
        DownloadError: If the files are nowhere and cannot be fetched.
    """

    def __init__(
        self, root: str | Path | None = None, transform: Transform | None = None
    ) -> None:
        data, _ = read_prepared(load_manifest("citeseer"), root, prepare_citeseer)
        super().__init__(data, "citeseer", transform)


def prepare_citeseer(root: str | Path | None = None) -> Path:
    """Make the text-graph files of CiteSeer from what is published.

    Args:
        root (str or Path, optional): A data root to look for the raw file in.
            (default: :obj:`None`)

    Returns:
        Path: Folder of the files, in the cache.

    Raises:
        DatasetError: If the published file holds another graph.
        DownloadError: If it cannot be fetched.
    """
    manifest = load_manifest("citeseer")
    raw = read_raw_texts(fetch(manifest, root) / manifest.downloads[0].path)
    folder = download_root() / manifest.folder
    data = label_texts(raw, manifest)
    write_text_graph(check_graph(data, manifest, folder), folder)
    return folder


def label_texts(raw: RawTextGraph, manifest: Manifest) -> Data:
    """A text graph with the names of its classes, found by their sizes."""
    return Data(
        text=raw.texts,
        edge_index=raw.edge_index,
        y=classes_by_size(raw.y, CLASS_SIZES),
        label_names=list(manifest.label_names),
        num_nodes=len(raw.texts),
    )

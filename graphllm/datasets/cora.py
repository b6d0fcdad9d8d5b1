"""Cora with the titles and abstracts of its papers."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from torch_geometric.data import Data

from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.fetch import fetch
from graphllm.datasets.locate import download_root
from graphllm.datasets.manifest import check_graph, load_manifest
from graphllm.datasets.planetoid_text import MANIFESTS, read_planetoid
from graphllm.datasets.prepared import read_prepared
from graphllm.datasets.raw_texts import read_raw_texts
from graphllm.datasets.text_graph_files import write_text_graph
from graphllm.datasets.text_order import order_texts


class Cora(TextGraphDataset):
    """2,708 papers on machine learning with title, abstract and citations.

    Node ids, classes and the public split are those of Planetoid (and of PyG's
    ``Planetoid(name="Cora")``); the graph is compared with a fingerprint, since texts
    on other ids than those of the split would go unnoticed. Where the prepared files
    are in no data root, they are made from the published texts and the Planetoid
    files, see :func:`prepare_cora`.

    Args:
        root (str or Path, optional): Folder that holds ``cora/nodes.jsonl``; else
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
        data, _ = read_prepared(load_manifest("cora"), root, prepare_cora)
        super().__init__(data, "cora", transform)


def prepare_cora(root: str | Path | None = None) -> Path:
    """Make the text-graph files of Cora from what is published.

    The published texts stand in an order of their own. The node that each belongs to
    was found once, as a mapping that keeps every edge and class, and is kept as a
    list of text hashes in node order. Edges, classes and split are taken from the
    Planetoid files. Nothing is written unless the fingerprint is right.

    Args:
        root (str or Path, optional): A data root to look for the raw files in.
            (default: :obj:`None`)

    Returns:
        Path: Folder of the files, in the cache.

    Raises:
        DatasetError: If the sources are not what they were.
        DownloadError: If they cannot be fetched.
    """
    manifest = load_manifest("cora")
    raw = read_raw_texts(fetch(manifest, root) / manifest.downloads[0].path)
    planetoid = read_planetoid(load_manifest(MANIFESTS["Cora"]), "Cora", root)
    data = put_texts(raw.texts, planetoid)
    folder = download_root() / manifest.folder
    write_text_graph(check_graph(data, manifest, folder), folder)
    return folder


def put_texts(texts: Sequence[str], planetoid: Data) -> Data:
    """Put the texts of Cora on the nodes of the Planetoid graph.

    Args:
        texts (Sequence[str]): In any order.
        planetoid (Data): The graph with features, classes and masks.

    Returns:
        Data: ``planetoid`` with ``text`` and without features.

    Raises:
        DatasetError: If a text is missing or unknown.
    """
    order = files("graphllm.datasets") / "manifests" / "cora_text_order.txt"
    data = planetoid.clone()
    data.text = order_texts(texts, order.read_text(encoding="utf-8").split())
    data.num_nodes = len(data.text)
    del data.x
    return data

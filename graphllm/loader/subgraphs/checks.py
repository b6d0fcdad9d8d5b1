"""What subgraph schemes ask of their options and of edge weights."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError


def check_at_least(name: str, value: int, lowest: int) -> None:
    """Refuse a whole number that is too small, and what is none.

    Raises:
        GraphLLMError: If it is.
    """
    if not isinstance(value, int) or value < lowest:
        raise GraphLLMError(
            f"'{name}' must be a whole number, {lowest} or more (got {value!r})"
        )


def check_sizes(name: str, values: Sequence[int], lowest: int) -> tuple[int, ...]:
    """One whole number a layer, as a tuple.

    Raises:
        GraphLLMError: If there is none, or one is too small or no whole number.
    """
    sizes = tuple(values) if isinstance(values, tuple | list) else ()
    if not sizes or not all(isinstance(v, int) and v >= lowest for v in sizes):
        raise GraphLLMError(
            f"'{name}' must list a whole number a layer, each {lowest} or more, like "
            f"(512, 512) (got {values!r})"
        )
    return sizes


def edge_weights(data: Data) -> Tensor:
    """The weights of the edges in ``float64`` on the CPU, ones where there are none.

    Raises:
        TextGraphError: If they are not one finite number an edge, zero or more.
    """
    num_edges = data.edge_index.size(1)
    weight = data.edge_weight if "edge_weight" in data else None
    if weight is None:
        return torch.ones(num_edges, dtype=torch.double)
    weight = torch.as_tensor(weight).detach().cpu().double()
    if weight.shape != (num_edges,):
        raise TextGraphError(
            f"'data.edge_weight' must have shape ({num_edges},), one weight an edge "
            f"(got {tuple(weight.shape)})"
        )
    bad = (~weight.isfinite() | (weight < 0)).nonzero().view(-1)
    if bad.numel():
        raise TextGraphError(
            f"'data.edge_weight' is {float(weight[bad[0]])} at edge {int(bad[0])}; "
            "draws by weight need finite weights that are not negative"
        )
    return weight

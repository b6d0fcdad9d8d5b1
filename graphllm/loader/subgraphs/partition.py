"""A partition of the nodes that cuts few edges."""

import torch
from torch import Tensor

from graphllm._optional import available, require
from graphllm.errors import GraphLLMError
from graphllm.kernels.label_propagation import label_propagation
from graphllm.kernels.sample import stream_key
from graphllm.kernels.undirected import undirected


def partition(
    edge_index: Tensor, num_nodes: int, num_parts: int, seed: int = 0
) -> Tensor:
    """Cut a graph into parts of about equal size with few edges between them.

    By METIS where ``pymetis`` is installed (extra ``partition``), else by
    :func:`graphllm.kernels.label_propagation.label_propagation`. Directions, weights
    and repetitions of edges do not count.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        num_nodes (int): Number of nodes.
        num_parts (int): Number of parts.
        seed (int, optional): Decides what is random in both. (default: :obj:`0`)

    Returns:
        Tensor: :math:`(|V|)` ``int64`` in ``[0, num_parts)``, on the CPU. METIS may
        leave parts empty.

    Raises:
        GraphLLMError: If there are more parts than nodes.
        TextGraphError: If an edge names a node that does not exist.
    """
    if num_parts > num_nodes:
        raise GraphLLMError(
            f"'num_parts' must be at most the {num_nodes} nodes of the graph (got "
            f"{num_parts}); a part should have some tens of nodes"
        )
    if num_parts == 1:
        return torch.zeros(num_nodes, dtype=torch.long)
    graph = undirected(edge_index, num_nodes)
    if not available("pymetis"):
        return torch.from_numpy(label_propagation(graph, num_parts, stream_key(seed)))
    metis = require("pymetis", "partition", "'ClusterParts'")
    # METIS reads the seed as a 32-bit number.
    options = metis.Options(seed=stream_key(seed) >> 33)
    adjacency = metis.CSRAdjacency(*graph)
    part = metis.part_graph(num_parts, adjacency, options=options).vertex_part
    return torch.tensor(part, dtype=torch.long)

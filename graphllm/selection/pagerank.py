"""Central nodes by PageRank."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.kernels.incoming import group_by_target, incoming_sum
from graphllm.selection.base import SelectionContext, Selector


class PageRankSelector(Selector):
    r"""Selects the nodes with the largest PageRank.

    From `"The PageRank Citation Ranking: Bringing Order to the Web"
    <http://ilpubs.stanford.edu:8090/422>`_ (1999). With :math:`d_i` the number of
    edges that leave node :math:`i` and :math:`\mathcal{D}` the dangling nodes, those
    with :math:`d_i = 0`, repeat

    .. math::
        r_j \leftarrow \alpha \left( \sum_{(i, j) \in \mathcal{E}} \frac{r_i}{d_i}
        + \frac{1}{N} \sum_{i \in \mathcal{D}} r_i \right) + \frac{1 - \alpha}{N}

    from :math:`r_j = 1 / N` until the scores move by less than ``tol`` in total
    (:math:`\ell_1`) or ``num_iterations`` are done. The error shrinks at least by
    the factor :math:`\alpha` each time.

    Edges are followed from source to target. A duplicated edge counts as often as it
    is stored, a self loop keeps its share of the mass where it is.

    .. note::
        :meth:`networkx.pagerank` has the same fixed point, but stops once the scores
        move by less than ``N * tol``, which on a large graph is after a few
        iterations.

    Args:
        alpha (float, optional): Probability of following an edge.
            (default: :obj:`0.85`)
        num_iterations (int, optional): Largest number of iterations.
            (default: :obj:`100`)
        tol (float, optional): Total change under which to stop.
            (default: :obj:`1e-8`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`, positive, with sum one

    Raises:
        GraphLLMError: If an argument is out of range.
    """

    def __init__(
        self, alpha: float = 0.85, num_iterations: int = 100, tol: float = 1e-8
    ) -> None:
        if not 0.0 <= alpha < 1.0:
            raise GraphLLMError(f"'alpha' must be in [0, 1) (got {alpha})")
        if num_iterations < 1:
            raise GraphLLMError(f"'num_iterations' must be >= 1 (got {num_iterations})")
        if not tol >= 0.0:
            raise GraphLLMError(f"'tol' must be >= 0 (got {tol})")
        self.alpha = alpha
        self.num_iterations = num_iterations
        self.tol = tol

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """PageRank of every node; runs on the CPU wherever the graph is.

        Large graphs use torch's number of threads, which changes no score.

        Raises:
            TextGraphError: If an edge names a node that does not exist.
        """
        num_nodes = data.num_nodes
        incoming = group_by_target(data.edge_index, num_nodes)
        dangling = incoming.out_degree == 0
        share = 1.0 / np.maximum(incoming.out_degree, 1)
        num_threads = torch.get_num_threads()
        rank = np.full(num_nodes, 1.0 / num_nodes)
        for _ in range(self.num_iterations):
            mass = incoming_sum(incoming, rank * share, num_threads)
            mass += rank[dangling].sum() / num_nodes
            last, rank = rank, self.alpha * mass + (1.0 - self.alpha) / num_nodes
            if np.abs(rank - last).sum() < self.tol:
                break
        return torch.from_numpy(rank)

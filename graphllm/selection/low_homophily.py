"""Nodes whose neighbours seem to belong elsewhere."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.uncertainty import check_epochs
from graphllm.selection.warmup import check_probs, class_probs


class LowHomophilySelector(Selector):
    r"""Selects nodes that probably differ in class from their neighbours.

    From `"GLANCE" <https://arxiv.org/abs/2510.10849>`_ (2026): neighbours of another
    class mislead a graph network, and a text helps there most. With the class
    probabilities :math:`\mathbf{p}` of an MLP on the features and
    :math:`\mathcal{N}(i)` the nodes that send to :math:`i`,

    .. math::
        s_i = 1 - \mathbf{p}_i^{\top} \frac{1}{|\mathcal{N}(i)|}
        \sum_{j \in \mathcal{N}(i)} \mathbf{p}_j

    A duplicated edge counts as often as it is stored and a self loop says nothing.
    Whoever hears from nobody scores zero: there is nobody to be misled by.

    An MLP on purpose, trained on the training labels by
    :func:`graphllm.selection.warmup.class_probs`: a graph network has already made
    neighbours alike. That is also why ``context.probs`` is not read.

    Args:
        num_epochs (int, optional): Length of the warm-up. (default: :obj:`100`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)` in [0, 1]

    Raises:
        GraphLLMError: If ``num_epochs`` is below one.
    """

    def __init__(self, num_epochs: int = 100) -> None:
        check_epochs(num_epochs)
        self.num_epochs = num_epochs

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """One minus the estimated homophily.

        Raises:
            TextGraphError: If there are no usable features or training labels.
        """
        probs = class_probs(data, context, "mlp", self.num_epochs)
        probs = check_probs(probs, data.num_nodes, "probs")
        return 1.0 - neighbor_agreement(probs, data.edge_index)


def neighbor_agreement(probs: Tensor, edge_index: Tensor) -> Tensor:
    r"""Estimated homophily: :math:`\mathbf{p}_i^{\top}` mean of the neighbours'.

    Args:
        probs (Tensor): :math:`(|V|, C)` on the CPU.
        edge_index (Tensor): :math:`(2, |E|)`; messages go from row 0 to row 1.

    Returns:
        Tensor: :math:`(|V|)`; one for a node without neighbours.
    """
    source, target = edge_index.cpu()
    kept = source != target
    source, target = source[kept], target[kept]
    # Class by class: a row of products for each edge would not fit large graphs.
    heard = torch.zeros(len(probs), dtype=probs.dtype)
    for column in probs.t():
        heard.index_add_(0, target, column[source] * column[target])
    count = torch.bincount(target, minlength=len(probs))
    return torch.where(count > 0, heard / count.clamp(min=1), 1.0)

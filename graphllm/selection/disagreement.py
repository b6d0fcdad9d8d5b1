"""Nodes where the text says one class and the graph another."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.uncertainty import check_epochs, gnn_probs
from graphllm.selection.warmup import check_probs, class_probs


class DisagreementSelector(Selector):
    r"""Selects nodes on which an MLP and a graph network disagree.

    A proxy of ours for where an expert is worth asking, no published method. With
    the class probabilities :math:`\mathbf{p}` of an MLP on the features and
    :math:`\mathbf{q}` of a graph network,

    .. math::
        s_i = \sigma_i \, \max_c p_{ic} \, \max_c q_{ic}, \qquad
        \sigma_i = \begin{cases} 1 & \arg\max_c p_{ic} \neq \arg\max_c q_{ic} \\
        -1 & \text{otherwise} \end{cases}

    Sure disagreement comes first, sure agreement last. :math:`\mathbf{q}` is
    ``context.probs``, or that of a warm-up GCN; the MLP is always trained here, on
    the training labels. See :func:`graphllm.selection.warmup.class_probs`.

    Args:
        num_epochs (int, optional): Length of each warm-up. (default: :obj:`100`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)` in [-1, 1]

    Raises:
        GraphLLMError: If ``num_epochs`` is below one.
    """

    def __init__(self, num_epochs: int = 100) -> None:
        check_epochs(num_epochs)
        self.num_epochs = num_epochs

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Signed product of the two confidences.

        Raises:
            TextGraphError: If there are no usable features or training labels.
            GraphLLMError: If the context's probabilities are none.
        """
        text = class_probs(data, context, "mlp", self.num_epochs)
        text = check_probs(text, data.num_nodes, "probs")
        graph = gnn_probs(data, context, self.num_epochs)
        (p, by_text), (q, by_graph) = text.max(dim=-1), graph.max(dim=-1)
        return torch.where(by_text != by_graph, p * q, -p * q)

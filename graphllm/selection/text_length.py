"""Nodes by how much they say."""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.selection.base import SelectionContext, Selector

Order = Literal["short", "long"]


class TextLengthSelector(Selector):
    r"""Selects nodes by the length of their text.

    The length :math:`\ell_i` is the number of characters of ``data.text[i]`` without
    white space at its ends. Characters and not words, because they need no notion of
    a word (some languages write none) and follow the tokens an LLM is charged for.

    .. math::
        s_i = -\ell_i \text{ (short)}, \qquad s_i = \ell_i \text{ (long)}

    ``"short"`` takes under-described nodes first, those without text before all
    others; ``"long"`` takes the wordy ones.

    Args:
        order (str, optional): ``"short"`` or ``"long"``. (default: :obj:`"short"`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        UnknownNameError: If there is no such order.
    """

    def __init__(self, order: Order = "short") -> None:
        if order not in get_args(Order):
            raise UnknownNameError("text length order", order, get_args(Order))
        self.order = order

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Characters of each text, negated for ``"short"``.

        Raises:
            TextGraphError: If the graph has no text.
        """
        text = getattr(data, "text", None)
        if text is None:
            raise TextGraphError(
                "selection by text length needs text; set 'data.text' to a list of "
                f"{data.num_nodes} strings, one a node"
            )
        length = torch.tensor([len(entry.strip()) for entry in text]).double()
        return -length if self.order == "short" else length

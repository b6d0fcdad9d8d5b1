"""What a template is: a rule that turns a node into a sequence of vectors."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, TypeAlias

import torch
from torch import Tensor

from graphllm.errors import TextGraphError

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"


class GraphTokens(NamedTuple):
    """Sequences of one length, a row a node.

    Args:
        x (Tensor): :math:`(B, T, F)` floating, what a projector reads.
        mask (Tensor): :math:`(B, T)` ``bool``, whether there is anything at a
            position.
        nodes (Tensor): :math:`(B, T)` ``int64``, the node behind each position, -1
            where there is none.
    """

    x: Tensor
    mask: Tensor
    nodes: Tensor


class NodeTokens(ABC):
    """A template bound to one graph: nodes in, tokens out.

    Args:
        template (GraphTemplate): The rule.
        num_nodes (int): Nodes of the graph.
    """

    def __init__(self, template: "GraphTemplate", num_nodes: int) -> None:
        self.template = template
        self.num_nodes = num_nodes

    def __call__(
        self, nodes: Tensor, *, exclude: Tensor | None = None, epoch: int = 0
    ) -> GraphTokens:
        """The tokens of some nodes.

        Args:
            nodes (Tensor): :math:`(B)` node ids, on any device.
            exclude (Tensor, optional): :math:`(B)` node ids; nothing may be seen of
                the edge between a node and this one, in either direction. -1 excludes
                none. (default: :obj:`None`)
            epoch (int, optional): Names the draw, where a template draws anew.
                (default: :obj:`0`)

        Returns:
            GraphTokens: On the device of the features.

        Raises:
            TextGraphError: If a node does not exist.
            LeakageError: If an excluded edge can be seen all the same.
        """
        nodes = self._checked("nodes", nodes, 0)
        if exclude is not None:
            exclude = self._checked("exclude", exclude, -1)
            if exclude.numel() != nodes.numel():
                raise TextGraphError(
                    f"'exclude' must name one node, or -1, for each of the "
                    f"{nodes.numel()} nodes (got {exclude.numel()})"
                )
        return self._tokens(nodes, exclude, epoch)

    def pairs(
        self, pairs: Tensor, *, epoch: int = 0
    ) -> tuple[GraphTokens, GraphTokens]:
        """The tokens of both ends of edges that are to be predicted.

        Nothing is seen of the edge itself. Other edges are as the graph has them: bind
        the template to the edges for message passing, with neither the edges to train
        on nor those to test on among them.

        Args:
            pairs (Tensor): :math:`(B, 2)` node ids.
            epoch (int, optional): As above. (default: :obj:`0`)

        Returns:
            tuple: The tokens of the first and of the second ends.

        Raises:
            TextGraphError: If a node does not exist.
            LeakageError: If a pair can be seen in its own tokens.
        """
        if pairs.dim() != 2 or pairs.size(1) != 2:
            raise TextGraphError(
                "'pairs' must have shape (num_pairs, 2), two node ids a row (got "
                f"{tuple(pairs.shape)}); transpose an 'edge_label_index'"
            )
        left, right = pairs.unbind(dim=1)
        return (
            self(left, exclude=right, epoch=epoch),
            self(right, exclude=left, epoch=epoch),
        )

    @abstractmethod
    def _tokens(
        self, nodes: Tensor, exclude: Tensor | None, epoch: int
    ) -> GraphTokens: ...

    def _checked(self, name: str, nodes: Tensor, lowest: int) -> Tensor:
        if nodes.dim() != 1 or nodes.dtype not in (torch.long, torch.int):
            raise TextGraphError(
                f"'{name}' must be a list of node ids (got {nodes.dtype} of shape "
                f"{tuple(nodes.shape)})"
            )
        if nodes.numel():
            low, high = (int(bound) for bound in torch.aminmax(nodes))
            if low < lowest or high >= self.num_nodes:
                raise TextGraphError(
                    f"'{name}' holds {low if low < lowest else high}, but the graph "
                    f"has nodes 0 to {self.num_nodes - 1}"
                )
        return nodes.long()


class GraphTemplate(ABC):
    """How a node and what is around it become a sequence of :math:`T` vectors.

    A small frozen object that knows no graph. :meth:`bind` gives it one.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def num_tokens(self) -> int:
        """Length of the sequences, :math:`T`."""

    @abstractmethod
    def num_features(self, in_channels: int) -> int:
        """Width of the vectors, if nodes have ``in_channels`` features."""

    @abstractmethod
    def bind(self, x: Tensor, edge_index: Tensor) -> NodeTokens:
        r"""Do once what has to be done once for a graph.

        An edge that is given twice counts once. Self-loops are neither added nor
        removed. Edges point to who hears from whom, as in message passing: the
        neighbours of a node are the sources of the edges into it.

        Args:
            x (Tensor): :math:`(|V|, F)` floating, features. They are kept, not copied.
            edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.

        Returns:
            NodeTokens: Turns nodes into tokens.

        Raises:
            TextGraphError: If features or edges are not usable.
        """

    @abstractmethod
    def spec(self) -> dict[str, JSON]:
        """What a checkpoint has to keep besides :meth:`tensors`.

        :func:`~graphllm.graph_tokens.template_from_spec` reads it.
        """

    def tensors(self) -> dict[str, Tensor]:
        """Buffers that a checkpoint has to keep."""
        return {}

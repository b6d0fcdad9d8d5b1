"""Sets of small graphs with one label each."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.errors import DatasetError
from graphllm.seed import generator

Split = dict[str, list[int]]
PARTS = ("train", "valid", "test")
HELD_OUT = 0.1


@dataclass(frozen=True)
class GraphSet:
    """Small graphs, each with a class, and how a prediction of it is judged.

    Args:
        name (str): What it is called.
        graphs (list[Data]): With ``x``, ``edge_index`` of both directions, and ``y``
            :math:`(1)`.
        num_classes (int): Number of classes.
        metric (str): Name of the score.
        score (Callable): From class scores, :math:`(B, C)`, and classes, :math:`(B)`,
            of some graphs to a number; higher is better.
        encoder (Callable): From a width :math:`H` to a new layer that turns ``x``
            into :math:`(|V|, H)`.
        given_split (dict, optional): Graphs of ``train``, ``valid`` and ``test``,
            where the set has an official split.
    """

    name: str
    graphs: list[Data]
    num_classes: int
    metric: str
    score: Callable[[Tensor, Tensor], float]
    encoder: Callable[[int], nn.Module]
    given_split: Split | None = None

    def split(self, seed: int) -> Split:
        """The official split, or one of 80, 10 and 10 % that the seed draws.

        Args:
            seed (int): Not read where there is an official split.

        Raises:
            DatasetError: If a class has too few graphs to be in every part.
        """
        if self.given_split is not None:
            return self.given_split
        return stratified_split(torch.cat([graph.y for graph in self.graphs]), seed)


def stratified_split(y: Tensor, seed: int) -> Split:
    """80 % for training, 10 % for validation and 10 % for the test of every class.

    Args:
        y (Tensor): Classes, :math:`(B)`.
        seed (int): Seed of the draw.

    Raises:
        DatasetError: If a class has fewer than three graphs.
    """
    random = generator(seed)
    split: Split = {part: [] for part in PARTS}
    for label in y.unique().tolist():
        members = (y == label).nonzero().view(-1)
        if members.numel() < len(PARTS):
            raise DatasetError(
                f"class {label} has {members.numel()} graphs, too few for a split; "
                "leave it out, or give a split"
            )
        members = members[torch.randperm(members.numel(), generator=random)]
        few = max(1, round(HELD_OUT * members.numel()))
        split["valid"] += members[:few].tolist()
        split["test"] += members[few : 2 * few].tolist()
        split["train"] += members[2 * few :].tolist()
    return {part: sorted(index) for part, index in split.items()}

"""Reads the edges of a text graph: ``edges.csv``."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphllm.datasets.text_file import read_csv_rows
from graphllm.errors import DatasetError


def read_edges(path: Path, ids: Sequence[str]) -> Tensor:
    """Read an edge list.

    Args:
        path (Path): CSV file with the columns ``source`` and ``target``; further
            ones are ignored. Only a header means a graph without edges.
        ids (Sequence[str]): Id of every node, in node order.

    Returns:
        Tensor: :math:`(2, |E|)` ``int64``, in the order of the file.

    Raises:
        DatasetError: With file and line, if anything is wrong or an edge ends at
            an id that is no node.
    """
    position = {node: index for index, node in enumerate(ids)}
    ends: list[int] = []
    for line, row in read_csv_rows(path, required=("source", "target")):
        for column in ("source", "target"):
            index = position.get(row[column].strip())
            if index is None:
                raise DatasetError(
                    f"{path}, line {line}: the {column} '{row[column]}' is no node; "
                    "remove the edge or add the node to the nodes file"
                )
            ends.append(index)
    return torch.tensor(ends, dtype=torch.long).view(-1, 2).t().contiguous()

"""Train, validation and test masks by named protocols."""

from copy import copy

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError, UnknownNameError

SPLITS = (
    "planetoid-public",
    "random-60-20-20",
    "random-20-30-per-class",
    "file",
)


def apply_split(data: Data, split: str, seed: int = 0) -> Data:
    """A shallow copy of the graph with the masks of a named split.

    * ``planetoid-public`` and ``file``: the masks that came with the data; the
      seed plays no part.
    * ``random-60-20-20``: a random 60 % / 20 % / 20 % of the labelled nodes.
    * ``random-20-30-per-class``: 20 training and 30 validation nodes of every
      class, all other labelled nodes for test. A class with fewer than 52 nodes
      gives 40 % to training and 40 % to validation, rounded down, at least one each.

    Args:
        data (Data): A text graph with labels.
        split (str): One of :obj:`SPLITS`.
        seed (int, optional): Seed of the random splits. (default: :obj:`0`)

    Returns:
        Data: Copy with ``train_mask``, ``val_mask``, ``test_mask``.

    Raises:
        UnknownNameError: If there is no such split.
        TextGraphError: If the graph lacks the labels or the masks the split needs, or
            its edges were chosen with labels that the split tests on.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    if data.y is None:
        raise TextGraphError("the graph has no labels 'data.y' to make a split of")
    result = copy(data)
    if split in ("planetoid-public", "file"):
        _require_masks(data, split)
        _check_unread(result, split, seed)
        return result
    if not bool((data.y >= 0).any()):
        raise TextGraphError(
            f"split '{split}' needs nodes with a label, and all labels are -1"
        )
    generator = torch.Generator().manual_seed(seed)
    if split == "random-60-20-20":
        parts = _split_60_20_20(data.y, generator)
    else:
        parts = _split_per_class(data.y, 20, 30, generator)
    for name, index in zip(("train", "val", "test"), parts, strict=True):
        if index.numel() == 0:
            raise TextGraphError(
                f"split '{split}' leaves no {name} nodes; the graph has too few "
                "labelled nodes for it"
            )
        mask = torch.zeros(data.y.numel(), dtype=torch.bool, device=data.y.device)
        mask[index] = True
        setattr(result, f"{name}_mask", mask)
    _check_unread(result, split, seed)
    return result


def _check_unread(data: Data, split: str, seed: int) -> None:
    # A sparse graph says whose labels chose its edges: see write_sparse_graph.
    read = getattr(data, "labels_read", None)
    known = 0 if read is None else int((read.to(data.test_mask) & data.test_mask).sum())
    if known:
        raise TextGraphError(
            f"split '{split}' with seed {seed} tests on {known} nodes whose labels "
            "chose the edges of the sparse graph; take the split it was exported with "
            "and one seed, or export it again"
        )


def _require_masks(data: Data, split: str) -> None:
    for name in ("train_mask", "val_mask", "test_mask"):
        mask = getattr(data, name, None)
        if mask is None or not bool(mask.any()):
            raise TextGraphError(
                f"split '{split}' needs a '{name}' in the data, and there is none; "
                "use --split random-60-20-20 or random-20-30-per-class"
            )


def _split_60_20_20(y: Tensor, generator: torch.Generator) -> list[Tensor]:
    labelled = (y >= 0).nonzero().view(-1)
    order = labelled[torch.randperm(labelled.numel(), generator=generator)]
    num_train = int(0.6 * order.numel())
    num_val = int(0.2 * order.numel())
    return [
        order[:num_train],
        order[num_train : num_train + num_val],
        order[num_train + num_val :],
    ]


def _split_per_class(
    y: Tensor, num_train: int, num_val: int, generator: torch.Generator
) -> list[Tensor]:
    parts: tuple[list[Tensor], ...] = ([], [], [])
    for label in range(int(y.max()) + 1):
        nodes = (y == label).nonzero().view(-1)
        if nodes.numel() == 0:
            continue
        nodes = nodes[torch.randperm(nodes.numel(), generator=generator)]
        train, val = num_train, num_val
        if nodes.numel() < num_train + num_val + 2:
            train = val = max(1, int(0.4 * nodes.numel()))
        for part, piece in zip(
            parts, nodes.tensor_split([train, train + val]), strict=True
        ):
            part.append(piece)
    return [torch.cat(part) for part in parts]

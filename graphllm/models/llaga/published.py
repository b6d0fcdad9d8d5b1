"""Projectors that the authors published, in their own key layout."""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from graphllm.errors import ModelNotFoundError
from graphllm.models.llaga.projector import GraphTokenProjector

_KEY = re.compile(r"(?:^|\.)mm_projector\.(?:(\d+)\.)?(weight|bias)$")


def load_published_projector(path: str | Path) -> GraphTokenProjector:
    """Read a projector in the layout of the published checkpoints.

    A linear one has ``mm_projector.weight`` and ``.bias``; one with more layers has
    ``mm_projector.0.weight``, ``mm_projector.2.weight`` and so on, activations in
    between; any prefix is allowed. Other tensors of the file are left alone.

    These weights were trained with the authors' wording of the prompts, in the space
    of their encoders and of Vicuna-7B, PAD tokens as zero vectors
    (``pad_mode="zero"``), and the neighbourhood template with their own position
    matrix: give the file ``laplacian_2_10.pt`` that was published with them as
    ``NeighborhoodDetail(table=...)``. (``pe="legacy"`` is that matrix up to the order
    of its columns, which an eigen-solver leaves open.) Put the result in the place of
    :attr:`LLaGA.projector`.

    Args:
        path (str or Path): A ``.safetensors`` or ``.bin`` file. A ``.bin`` is read
            as plain tensors, nothing in it is executed.

    Returns:
        GraphTokenProjector: Without input statistics and size matching, as the
        authors' has none.

    Raises:
        ModelNotFoundError: If the file cannot be read or holds no projector.
    """
    path = Path(path)
    layers: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _tensors(path).items():
        found = _KEY.search(name)
        if found and isinstance(tensor, Tensor):
            layers.setdefault(int(found[1] or 0), {})[found[2]] = tensor
    order = [layers[index] for index in sorted(layers)]
    whole = all(
        set(layer) == {"weight", "bias"} and layer["weight"].dim() == 2
        for layer in order
    )
    if not order or not whole:
        raise ModelNotFoundError(
            f"'{path}' holds no complete projector (no mm_projector weights and biases)"
        )
    projector = GraphTokenProjector(
        order[0]["weight"].size(1),
        order[-1]["weight"].size(0),
        len(order),
        hidden_channels=order[0]["weight"].size(0),
    )
    try:
        for target, layer in zip(projector.layers, order, strict=True):
            target.load_state_dict({name: t.float() for name, t in layer.items()})
    except RuntimeError:
        shapes = [tuple(layer["weight"].shape) for layer in order]
        raise ModelNotFoundError(
            f"the layers of the projector in '{path}' do not fit together ({shapes})"
        ) from None
    return projector


def _tensors(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file: torch raises of every kind
        reason = " ".join(str(error).split())[:200]
        raise ModelNotFoundError(f"cannot read '{path}' ({reason})") from None
    if not isinstance(loaded, dict):
        raise ModelNotFoundError(f"'{path}' holds no tensors with names")
    return loaded

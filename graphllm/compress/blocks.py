"""The blocks of a decoder, their linear layers and their weights."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from graphllm.errors import CompressionError

if TYPE_CHECKING:
    # Conv1D holds its weight transposed and is no nn.Linear, but is used as one.
    Linear = nn.Linear
else:
    Linear = nn.Linear | Conv1D

# Llama, Qwen, Mistral, Gemma and Phi; GPT-2; OPT; GPT-NeoX and Pythia; then the same
# without a language modelling head.
_PLACES = (
    "model.layers",
    "transformer.h",
    "model.decoder.layers",
    "gpt_neox.layers",
    "layers",
    "h",
    "decoder.layers",
)


def find_blocks(model: nn.Module) -> nn.ModuleList:
    """The list of a decoder's blocks.

    Known are the families of Llama (Qwen, Mistral, ...), GPT-2, OPT and GPT-NeoX.

    Args:
        model (PreTrainedModel): With or without its language modelling head.

    Raises:
        CompressionError: If there is no such list.
    """
    for place in _PLACES:
        found: Any = model
        for name in place.split("."):
            found = getattr(found, name, None)
        if isinstance(found, nn.ModuleList) and len(found) > 0:
            return found
    raise CompressionError(
        f"cannot find the decoder blocks of '{type(model).__name__}': looked for their "
        f"linear layers in {', '.join(_PLACES)}; known are Llama, Qwen, Mistral, "
        "GPT-2, OPT and GPT-NeoX"
    )


def block_names(model: nn.Module) -> list[str]:
    """Path of each block in the model, for example ``"model.layers.0"``.

    Args:
        model (PreTrainedModel): As :func:`find_blocks` takes it.
    """
    blocks = find_blocks(model)
    place = next(name for name, module in model.named_modules() if module is blocks)
    return [f"{place}.{index}" for index in range(len(blocks))]


def linears(block: nn.Module) -> dict[str, Linear]:
    """The projections of a block, by their path in it.

    Args:
        block (torch.nn.Module): One of :func:`find_blocks`.

    Raises:
        CompressionError: If there is none, or a weight is no matrix.
    """
    for name, weight in block.named_parameters():
        if weight.dim() > 2:
            raise CompressionError(
                f"'{name}' of a block '{type(block).__name__}' has the shape "
                f"{tuple(weight.shape)}: mixtures of experts cannot be compressed here"
            )
    found = {
        name: module
        for name, module in block.named_modules()
        if isinstance(module, Linear)
    }
    if not found:
        raise CompressionError(
            f"a block '{type(block).__name__}' has no linear layer to compress; looked "
            "for torch.nn.Linear and transformers' Conv1D"
        )
    return found


def weight_of(linear: Linear) -> Tensor:
    """The weight as ``(out, in)``; a view, also of a transposed ``Conv1D``."""
    weight = linear.weight.detach()
    return weight.T if isinstance(linear, Conv1D) else weight


def set_weight(linear: Linear, weight: Tensor) -> None:
    """Write a weight of shape ``(out, in)`` back, in the layer's own dtype."""
    weight_of(linear).copy_(weight)


def dense_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A plain linear layer that holds these tensors, weight as ``(out, in)``."""
    with torch.device("meta"):
        dense = nn.Linear(weight.size(1), weight.size(0), bias is not None)
    dense.weight = nn.Parameter(weight)
    if bias is not None:
        dense.bias = nn.Parameter(bias)
    return dense

"""Weights as llama.cpp names, turns and packs them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from graphllm.compress.blocks import weight_of
from graphllm.errors import CompressionError

TYPES = ("F16", "F32", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
_BLOCK = 32  # weights that share a scale in all of the quantised types


def dense_tensors(model: Any) -> Iterator[tuple[str, Tensor]]:
    """Names and values as plain transformers would store them.

    Layers that were swapped (``to_dense``) give the matrix they stand for, transposed
    layers of GPT-2 the usual one.

    Raises:
        CompressionError: If a module has no dense counterpart.
    """
    swapped: dict[str, Any] = {
        name: module
        for name, module in model.named_modules()
        if hasattr(module, "to_dense")
    }
    for name, module in swapped.items():
        dense = module.to_dense()
        yield f"{name}.weight", weight_of(dense)
        if getattr(dense, "bias", None) is not None:
            yield f"{name}.bias", dense.bias
    turned = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, Conv1D)
    }
    for name, value in model.state_dict().items():
        if not any(name.startswith(f"{each}.") for each in swapped):
            yield name, value.T if name in turned else value


def interleave(value: Tensor, heads: int) -> Tensor:
    r"""Reorder rows of a query or key projection for llama.cpp's rotation.

    It rotates neighbouring dimensions of a head where transformers rotates its two
    halves; row :math:`d` of the first half and row :math:`d` of the second become
    neighbours.

    Shapes:
        - **value:** :math:`(\text{heads} \cdot D, *)`, and so the output
    """
    half = value.size(0) // heads // 2
    return (
        value.reshape(heads, 2, half, *value.shape[1:])
        .transpose(1, 2)
        .reshape(value.shape)
    )


def type_of(name: str, shape: tuple[int, ...], dtype: str) -> str:
    """Which type a tensor is stored in.

    Vectors stay in F32. Embedding and head keep 8 bits where the others get fewer, as
    llama.cpp does it, and a matrix whose rows are not whole blocks of 32 weights is
    F16.
    """
    if len(shape) < 2:
        return "F32"
    if not dtype.startswith("Q"):
        return dtype
    if shape[-1] % _BLOCK:
        return "F16"
    outer = name.startswith(("token_embd", "output.", "position_embd"))
    return "Q8_0" if outer else dtype


def pack(value: Tensor, dtype: str) -> tuple[NDArray[Any], Any]:
    """Quantise by the ``gguf`` package.

    Returns:
        tuple[ndarray, GGMLQuantizationType]: Bytes or numbers, and their type.

    Raises:
        CompressionError: If there is no such type.
    """
    from gguf import GGMLQuantizationType, quantize

    if dtype not in TYPES:
        raise CompressionError(
            f"GGUF type '{dtype}' cannot be written; take one of {', '.join(TYPES)}"
        )
    kind = GGMLQuantizationType[dtype]
    array = value.detach().cpu().float().contiguous().numpy()
    if dtype == "F32":
        return array, kind
    if dtype == "F16":
        return array.astype(np.float16), kind
    return quantize(array, kind), kind

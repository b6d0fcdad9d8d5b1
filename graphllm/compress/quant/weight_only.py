"""Weights stored in eight or four bits: smaller, not faster."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from graphllm._optional import require
from graphllm.compress.base import CompressionConfig, LayerReport, Progress
from graphllm.compress.calibration import Calibration
from graphllm.compress.quant.ends import quantize_ends_
from graphllm.compress.quant.methods import RTN
from graphllm.compress.quant.methods import apply as apply_rounding
from graphllm.compress.quant.torchao import Backend, apply_torchao, check_backend
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class Int8(CompressionConfig):
    """Weights in eight bits, one scale a row.

    Layers become :class:`~graphllm.compress.quant.QuantLinear`, input embeddings
    :class:`~graphllm.compress.quant.QuantEmbedding`, and a head that was tied to
    them stays so. Quality is that of the dense model, the size a little over a
    quarter of ``float32``, and a call takes longer, since weights are unpacked anew.

    Args:
        embeddings (bool, optional): Also embeddings and head, in eight bits.
            (default: :obj:`True`)
        backend (str, optional): Whose layers: ``"graphllm"``, or ``"torchao"`` (extra
            ``quant``) for its kernels; those leave embeddings alone and are not
            written by :func:`~graphllm.compress.save`. (default: :obj:`"graphllm"`)

    Raises:
        UnknownNameError: If the backend is unknown.
    """

    method: ClassVar[str] = "int8"

    embeddings: bool = True
    backend: Backend = "graphllm"

    def __post_init__(self) -> None:
        check_backend(self.backend)


@dataclass(frozen=True)
class Int4(CompressionConfig):
    """Weights in four bits, with a scale and a zero point for each group.

    As :class:`Int8`, at a good eighth of ``float32`` for the blocks. Weights are
    rounded to the nearest value; for better ones of the same size see
    ``AWQ(packed=True)`` and ``GPTQ(packed=True)``.

    Args:
        group_size (int, optional): Columns that share a grid, :obj:`None` for whole
            rows. (default: :obj:`64`)
        symmetric (bool, optional): Grids without zero points.
            (default: :obj:`False`)
        ragged (bool, optional): Allow a smaller last group. (default: :obj:`False`)
        embeddings (bool, optional): Also embeddings and head, in eight bits.
            (default: :obj:`True`)
        backend (str, optional): As in :class:`Int8`. torchao's grids are symmetric
            whatever ``symmetric`` says. (default: :obj:`"graphllm"`)

    Raises:
        CompressionError: If the group size is not positive.
        UnknownNameError: If the backend is unknown.
    """

    method: ClassVar[str] = "int4"

    group_size: int | None = 64
    symmetric: bool = False
    ragged: bool = False
    embeddings: bool = True
    backend: Backend = "graphllm"

    def __post_init__(self) -> None:
        check_backend(self.backend)
        self.rounding()

    def rounding(self) -> RTN:
        """How weights of the blocks are rounded."""
        return RTN(4, self.group_size, self.symmetric, self.ragged, packed=True)


@torch.no_grad()
def apply(
    model: nn.Module,
    config: Int8 | Int4,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Store the weights of a model in fewer bits, in place.

    Args:
        model (PreTrainedModel): The model.
        config (Int8 or Int4): How.
        calibration (Calibration, optional): Not read.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Raises:
        CompressionError: If the group size does not divide the columns of a matrix.
        MissingExtraError: If torchao is asked for and not installed.
    """
    if config.backend == "torchao":
        return _by_torchao(model, config)
    rounding = RTN(8, None, symmetric=True, packed=True)
    if isinstance(config, Int4):
        rounding = config.rounding()
    reports = apply_rounding(model, rounding, None, progress)
    return reports + (quantize_ends_(model) if config.embeddings else [])


def _by_torchao(model: nn.Module, config: Int8 | Int4) -> list[LayerReport]:
    if isinstance(config, Int8):
        return apply_torchao(model, lambda torchao, _: torchao.Int8WeightOnlyConfig())

    def grouped(torchao: Any, columns: set[int]) -> Any:
        size = config.group_size or max(columns)
        if any(each % size for each in columns):
            raise CompressionError(
                f"torchao needs a 'group_size' that divides {sorted(columns)} columns "
                f"(got {size})"
            )
        per_group = require("torchao.quantization.granularity", "quant", "int4")
        return torchao.IntxWeightOnlyConfig(
            weight_dtype=torch.int4,  # type: ignore[attr-defined]
            granularity=per_group.PerGroup(size),
        )

    return apply_torchao(model, grouped, 4, config.group_size)

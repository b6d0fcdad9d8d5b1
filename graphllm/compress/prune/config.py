"""What the configurations of all pruning methods share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from graphllm.compress.allocate.base import Allocation
from graphllm.compress.allocate.resolve import resolve_allocation
from graphllm.compress.base import CompressionConfig, check_ratio
from graphllm.compress.calibration import Calibration
from graphllm.compress.prune.pattern import parse_pattern
from graphllm.errors import CompressionError

# Methods that leave zeros, by the names under which a model remembers them.
PRUNING = ("magnitude", "wanda", "sparsegpt")


@dataclass(frozen=True)
class PruningConfig(CompressionConfig):
    """How much is pruned and where: either ``ratio`` or ``pattern`` is given.

    Args:
        ratio (float, optional): Share of the blocks' linear weights that is removed.
        pattern (str, optional): ``"2:4"`` *keeps* 2 of every 4 consecutive inputs.
        allocate (Allocation or str, optional): Ratio of each block: ``"uniform"``,
            ``"owl"``, ``"alpha"``, or an :class:`~graphllm.compress.Allocation` with
            settings. (default: :obj:`"uniform"`)

    Raises:
        CompressionError: If a value is out of range, or options exclude one another.
        UnknownNameError: If there is no such allocation.
    """

    ratio: float | None = None
    pattern: str | None = None
    allocate: Allocation | str | Mapping[str, Any] = "uniform"

    def __post_init__(self) -> None:
        if (self.ratio is None) == (self.pattern is None):
            raise CompressionError(
                f"'{self.method}' takes either 'ratio' or 'pattern' (got "
                f"{self.ratio} and {self.pattern})"
            )
        allocation = resolve_allocation(self.allocate)
        if self.ratio is not None:
            check_ratio(self.ratio)
        if self.pattern is not None:
            parse_pattern(self.pattern)
            if allocation.name != "uniform":
                raise CompressionError(
                    "a 'pattern' keeps the same share everywhere; 'allocate' must be "
                    f"'uniform' (got '{allocation.name}')"
                )
        object.__setattr__(self, "allocate", allocation)

    def to_dict(self) -> dict[str, Any]:
        """Method, version and all fields, ready for JSON."""
        allocation = resolve_allocation(self.allocate)
        return {**super().to_dict(), "allocate": allocation.to_dict()}

    @property
    def group(self) -> tuple[int, int] | None:
        """``(keep, of)`` where a pattern is given."""
        return None if self.pattern is None else parse_pattern(self.pattern)

    def block_ratios(
        self, model: nn.Module, calibration: Calibration | None
    ) -> list[float]:
        """The share to remove of each block.

        Args:
            model (PreTrainedModel): The model, not yet pruned.
            calibration (Calibration, optional): For allocations that need one.
        """
        ratio = self.ratio
        if self.group is not None:
            keep, of = self.group
            ratio = 1.0 - keep / of
        assert ratio is not None
        return resolve_allocation(self.allocate).ratios(model, ratio, calibration)

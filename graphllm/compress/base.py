"""What every compression method takes and gives: configurations and reports."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self

from torch import nn

from graphllm.errors import CompressionError, UnknownNameError

Progress = Callable[[int, int], None]
"""Called with the blocks done and all blocks."""


@dataclass(frozen=True)
class CompressionConfig:
    """Base of all configurations: frozen, checked when made, and plain JSON.

    A method subclasses it, sets :attr:`method`, adds flat fields with the paper's
    defaults and checks them in ``__post_init__``.
    """

    version: ClassVar[int] = 1
    method: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """Method, version and all fields, ready for JSON."""
        return {"method": self.method, "version": self.version, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild a configuration from :meth:`to_dict`.

        Called on :class:`CompressionConfig` itself, ``values["method"]`` chooses the
        class among those that graphllm knows.

        Args:
            values (Mapping[str, Any]): As :meth:`to_dict` gives them.

        Raises:
            CompressionError: If the version or a field is unknown.
            UnknownNameError: If the method is.
        """
        known = {each.method: each for each in _family(cls) if each.method}
        method = values.get("method", cls.method)
        if method not in known:
            raise UnknownNameError("compression method", method, known)
        chosen = known[method]
        if values.get("version", chosen.version) != chosen.version:
            raise CompressionError(
                f"'{method}' is stored in version {values['version']}; this graphllm "
                f"reads version {chosen.version}"
            )
        given = {k: v for k, v in values.items() if k not in ("method", "version")}
        unknown = given.keys() - {each.name for each in fields(chosen)}
        if unknown:
            raise CompressionError(f"'{method}' has no option '{min(unknown)}'")
        return chosen(**given)


def _family(cls: type[Any]) -> list[type[Any]]:
    below = [each for child in cls.__subclasses__() for each in _family(child)]
    return [cls, *below]


def check_ratio(ratio: float, name: str = "ratio") -> None:
    """Refuse a share that is not inside of (0, 1).

    Raises:
        CompressionError: If it is outside.
    """
    if not 0.0 < ratio < 1.0:
        raise CompressionError(f"'{name}' must be inside of (0, 1) (got {ratio:g})")


@dataclass
class LayerReport:
    """What became of one layer.

    Args:
        name (str): Its path in the model.
        parameters (int): Weights before.
        kept_parameters (int): Weights that are left: not zero, or still stored.
        sparsity (float, optional): Share of weights that are zero.
        rank (int, optional): Rank of a factorised layer.
        bits (float, optional): Bits a weight, scales included.
        error (float, optional): Relative error, see
            :meth:`~graphllm.compress.stats.InputStats.error`.
    """

    name: str
    parameters: int
    kept_parameters: int
    sparsity: float | None = None
    rank: int | None = None
    bits: float | None = None
    error: float | None = None


@dataclass
class Report:
    """What one call of :func:`~graphllm.compress.compress_` did.

    Args:
        config (dict): The configuration.
        layers (list[LayerReport]): Layers that it looked at.
        parameters (int): Of the whole model before, codes like any other weight, zeros
            of an earlier pruning too, tied ones once.
        kept_parameters (int): Of the whole model after. Zeros that pruning made, in
            this call or before, are no longer counted, but dense storage still holds
            them: see :attr:`bytes`.
        bytes (int): Memory of parameters and buffers after.
        seconds (float): Time it took.
    """

    config: dict[str, Any]
    layers: list[LayerReport] = field(default_factory=list)
    parameters: int = 0
    kept_parameters: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def count_bytes(model: nn.Module) -> int:
    """Memory of parameters and buffers, tied ones once."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(each.numel() * each.element_size() for each in tensors)

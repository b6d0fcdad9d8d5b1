"""Allocations by their names."""

from collections.abc import Mapping
from typing import Any

from graphllm.compress.allocate.alpha_pruning import AlphaPruning
from graphllm.compress.allocate.base import Allocation, Uniform
from graphllm.compress.allocate.owl import OWL
from graphllm.errors import CompressionError, UnknownNameError

ALLOCATIONS: tuple[type[Allocation], ...] = (Uniform, OWL, AlphaPruning)


def resolve_allocation(value: Allocation | str | Mapping[str, Any]) -> Allocation:
    """The allocation of a name, or of what its ``to_dict`` gave.

    Args:
        value (Allocation or str or Mapping): ``"owl"``, ``{"name": "owl", ...}``, or
            an allocation, which is returned.

    Raises:
        UnknownNameError: If there is none of the name.
        CompressionError: If it has no such setting.
    """
    if isinstance(value, Allocation):
        return value
    settings = {"name": value} if isinstance(value, str) else dict(value)
    name = settings.pop("name", "")
    known = {each.name: each for each in ALLOCATIONS}
    if name not in known:
        raise UnknownNameError("allocation", name, known)
    unknown = settings.keys() - known[name].__dataclass_fields__.keys()
    if unknown:
        raise CompressionError(f"allocation '{name}' has no setting '{min(unknown)}'")
    return known[name](**settings)

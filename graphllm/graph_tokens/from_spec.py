"""Templates out of what a checkpoint kept."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.graph_tokens.base import JSON, GraphTemplate
from graphllm.graph_tokens.hop_field import HopField
from graphllm.graph_tokens.neighborhood_detail import NeighborhoodDetail


def template_from_spec(
    spec: Mapping[str, JSON], tensors: Mapping[str, Tensor]
) -> GraphTemplate:
    """The template that gave this ``spec()`` and these ``tensors()``.

    Args:
        spec (Mapping): As it came out of JSON.
        tensors (Mapping): Buffers by name.

    Returns:
        GraphTemplate: Equal to the one that was kept.

    Raises:
        UnknownNameError: If there is no template of that name.
        GraphLLMError: If an entry or a tensor is missing, or one is too many.
    """
    entries: dict[str, Any] = dict(spec)
    name = entries.pop("name", None)
    if name not in ("nd", "ho"):
        raise UnknownNameError("graph template", name, ("nd", "ho"))
    needed = NeighborhoodDetail() if name == "nd" else HopField()
    wrong = needed.spec().keys() ^ spec.keys()
    if wrong:
        raise GraphLLMError(
            f"the saved template '{name}' has missing or unknown entries "
            f"({', '.join(sorted(wrong))}); save it again with this version"
        )
    if name == "ho":
        return HopField(**entries)
    if entries["pe"] is not None and "pe" not in tensors:
        raise GraphLLMError(
            f"the saved template 'nd' has pe='{entries['pe']}' but no tensor 'pe'; "
            "save it again with this version"
        )
    return NeighborhoodDetail(**entries, table=tensors.get("pe"))

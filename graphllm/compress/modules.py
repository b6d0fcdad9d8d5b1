"""Which modules of a model are not what its configuration would build."""

from collections.abc import Mapping
from typing import Any

from accelerate import init_empty_weights
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from graphllm.compress.ffn.drop_ffn import NoFFN, Nothing
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.quant.dynamic_linear import DynamicLinear
from graphllm.compress.quant.embedding import QuantEmbedding
from graphllm.compress.quant.linear import QuantLinear
from graphllm.errors import CompressionError

# The only classes that a file can name.
_KINDS: dict[str, Any] = {
    "dynamic": DynamicLinear,
    "low_rank": LowRankLinear,
    "no_ffn": NoFFN,
    "nothing": Nothing,
    "quant": QuantLinear,
    "quant_embedding": QuantEmbedding,
}
_SWAPPED: Any = tuple(_KINDS.values())


def skeleton(config: Any) -> Any:
    """The model that a configuration describes, without memory for its parameters.

    Args:
        config (PretrainedConfig): Of a causal language model.
    """
    # Buffers that are computed, as those of rotary embeddings, do get their values.
    with init_empty_weights(include_buffers=False):
        return AutoModelForCausalLM.from_config(config)


def module_table(model: Any) -> dict[str, dict[str, Any]]:
    """Facts of each module that differs from the configuration's, by path.

    Those are the swapped layers, and plain ones of other shapes.

    Args:
        model (PreTrainedModel): The model.

    Raises:
        CompressionError: If a module is of a class that no file can name.
    """
    plan = dict(skeleton(model.config).named_modules())
    table: dict[str, dict[str, Any]] = {}
    for name, module in model.named_modules():
        if any(name.startswith(f"{each}.") for each in table):
            continue
        if isinstance(module, _SWAPPED):
            facts: dict[str, Any] = module.facts()
            table[name] = facts
        elif name not in plan or not isinstance(module, type(plan[name])):
            raise CompressionError(
                f"'{name or 'the model'}' is a {type(module).__name__}, which cannot "
                "be saved; merge adapters first"
            )
        elif isinstance(module, nn.Linear | Conv1D):
            expected = plan[name]
            if module.weight.shape != expected.weight.shape:
                table[name] = _plain_facts(module)
    return table


def rebuild(facts: Mapping[str, Any]) -> nn.Module:
    """An empty module from its facts.

    Args:
        facts (Mapping[str, Any]): As in :func:`module_table`.

    Raises:
        CompressionError: If its kind is unknown or a fact is missing.
    """
    try:
        kind = facts["kind"]
        with init_empty_weights(include_buffers=False):
            if kind == "linear":
                return nn.Linear(facts["in"], facts["out"], bias=facts["bias"])
            if kind == "conv1d":
                return Conv1D(facts["out"], facts["in"])
            if kind in _KINDS:
                module: nn.Module = _KINDS[kind].from_facts(facts)
                return module
    except (KeyError, TypeError, ValueError) as error:
        raise CompressionError(
            f"the facts {dict(facts)} lack or mistake {error}"
        ) from None
    raise CompressionError(
        f"unknown kind of module '{kind}'; this graphllm knows conv1d, linear, "
        f"{', '.join(_KINDS)}"
    )


def _plain_facts(module: nn.Linear | Conv1D) -> dict[str, Any]:
    if isinstance(module, Conv1D):
        return {"kind": "conv1d", "in": module.nx, "out": module.nf}
    return {
        "kind": "linear",
        "in": module.in_features,
        "out": module.out_features,
        "bias": module.bias is not None,
    }

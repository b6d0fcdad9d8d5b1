"""The two ends of a decoder in eight bits: embeddings and head."""

from typing import Any

from torch import Tensor, nn

from graphllm.compress.base import LayerReport
from graphllm.compress.quant.embedding import QuantEmbedding
from graphllm.compress.quant.grid import rtn
from graphllm.compress.quant.linear import QuantLinear
from graphllm.compress.stats import weight_error

# A code and one half-precision scale a row.
_BITS = 8


def quantize_ends_(model: Any) -> list[LayerReport]:
    """Store embeddings and head in eight bits, in place; tied ones stay tied.

    An end that is no plain ``torch.nn.Embedding`` or ``torch.nn.Linear`` is left as it
    is, with what is tied to it.

    Args:
        model (PreTrainedModel): The model, with or without a head.

    Returns:
        list[LayerReport]: One for each end that was changed; a tied head has none.
    """
    names = {module: name for name, module in model.named_modules()}
    words, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is words.weight
    reports = []
    if type(words) is nn.Embedding and (not tied or type(head) is nn.Linear):
        small = QuantEmbedding.from_weight(words.weight.detach())
        reports.append(_report(names[words], words.weight, small))
        model.set_submodule(names[words], small)
        if tied:
            model.set_submodule(names[head], small.head(head.bias))
            untie(model)
    if type(head) is nn.Linear and not tied:
        found = rtn(head.weight.detach(), _BITS, None, symmetric=True)
        layer = QuantLinear.from_quantized(found, head.bias)
        reports.append(_report(names[head], head.weight, layer))
        model.set_submodule(names[head], layer)
    return reports


def untie(model: Any) -> None:
    """Note that the head's ``weight`` is no longer the embedding's parameter.

    transformers would otherwise put the one in place of the other again.

    Args:
        model (PreTrainedModel): The model.
    """
    model.config.tie_word_embeddings = False
    model.all_tied_weights_keys = {}


def _report(
    name: str, weight: Tensor, small: QuantEmbedding | QuantLinear
) -> LayerReport:
    size = weight.numel()
    error = weight_error(weight.detach(), small.weight)
    return LayerReport(name, size, size, bits=8 * small.nbytes() / size, error=error)

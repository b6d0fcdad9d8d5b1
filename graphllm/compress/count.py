"""How many weights a model has, however they are stored."""

from typing import Any

from torch import Tensor, nn

from graphllm.compress.blocks import Linear, find_blocks


def count_parameters(model: nn.Module) -> int:
    """Weights of a model, plain ones and codes of packed layers; tied ones once.

    Args:
        model (torch.nn.Module): Any module.
    """
    packed = {id(each.codes): _num_codes(each) for each in _packed(model)}
    return sum(each.numel() for each in model.parameters()) + sum(packed.values())


def count_kept(model: nn.Module) -> int:
    """The same without the zeros in linear layers of blocks.

    Rounding to few bits makes zeros too, so this says something of pruned models only.

    Args:
        model (PreTrainedModel): A decoder.
    """
    blocks = find_blocks(model)
    plain = [each for each in blocks.modules() if isinstance(each, Linear)]
    zeros = sum(_num_zeros(layer.weight) for layer in [*plain, *_packed(blocks)])
    return count_parameters(model) - zeros


def _packed(model: nn.Module) -> list[Any]:
    return [
        each
        for each in model.modules()
        if isinstance(getattr(each, "codes", None), Tensor)
    ]


def _num_codes(layer: Any) -> int:
    # Several codes can share a byte, but no row does.
    columns = getattr(layer, "in_features", None) or layer.embedding_dim
    return int(layer.codes.size(0) * columns)


def _num_zeros(weight: Tensor) -> int:
    return int(weight.numel() - weight.count_nonzero())

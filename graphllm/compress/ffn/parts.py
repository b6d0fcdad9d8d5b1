"""The feed-forward layer of a block, whatever the family calls its parts."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from graphllm.compress.blocks import Linear, find_blocks, weight_of
from graphllm.compress.ffn.choice import check_cosines
from graphllm.compress.walk import evaluating, fitting
from graphllm.errors import CompressionError

# Blocks of Gemma and OLMo normalise what leaves a part: the sums are other ones there.
_OTHER_NORMS = ("pre_feedforward_layernorm", "post_feedforward_layernorm")

# Where it is, what widens, what narrows again, and the norm before it: Llama, Qwen and
# Mistral; GPT-2; GPT-NeoX; OPT, whose blocks hold the parts themselves.
_FORMS = (
    ("mlp", ("gate_proj", "up_proj"), "down_proj", "post_attention_layernorm"),
    ("mlp", ("c_fc",), "c_proj", "ln_2"),
    ("mlp", ("dense_h_to_4h",), "dense_4h_to_h", "post_attention_layernorm"),
    ("", ("fc1",), "fc2", "final_layer_norm"),
)
# What a configuration calls the width.
_WIDTHS = ("intermediate_size", "ffn_dim", "n_inner")


class FeedForward(NamedTuple):
    r"""The parts of :math:`\mathbf{W}_{\text{down}} \, \phi(\mathbf{x})`.

    Args:
        module (torch.nn.Module or None): What computes all of it;
            :obj:`None` in OPT.
        place (str): Its path in the block; empty in OPT.
        entries (dict): Layers whose outputs are the hidden channels, by path.
        exit (str): Path of the layer that reads the hidden channels.
        down (torch.nn.Module): That layer.
        norm (torch.nn.Module): What is applied to the residual stream before.
    """

    module: Any
    place: str
    entries: dict[str, nn.Module]
    exit: str
    down: nn.Module
    norm: nn.Module


def feed_forward(block: nn.Module) -> FeedForward:
    """Find the feed-forward layer of a block.

    Args:
        block (torch.nn.Module): One of :func:`~graphllm.compress.blocks.find_blocks`.

    Raises:
        CompressionError: If it has none of a known form.
    """
    for place, entries, narrow, norm in _FORMS:
        holder = getattr(block, place, None) if place else block
        if not hasattr(block, norm) or any(hasattr(block, n) for n in _OTHER_NORMS):
            continue
        if holder is None or not all(hasattr(holder, n) for n in (*entries, narrow)):
            continue
        path = f"{place}." if place else ""
        return FeedForward(
            holder if place else None,
            place,
            {f"{path}{name}": getattr(holder, name) for name in entries},
            f"{path}{narrow}",
            getattr(holder, narrow),
            getattr(block, norm),
        )
    forms = ", ".join(f"{'/'.join(entries)}/{exit}" for _, entries, exit, _ in _FORMS)
    raise CompressionError(
        f"a block '{type(block).__name__}' has no feed-forward layer that can be "
        f"changed; looked for {forms}"
    )


def plain(part: FeedForward) -> dict[str, Linear]:
    """Entries and exit by path, if all are dense layers.

    Raises:
        CompressionError: If one was factorised, quantised or removed before.
    """
    found: dict[str, Linear] = {}
    for name, layer in {**part.entries, part.exit: part.down}.items():
        if not isinstance(layer, Linear):
            raise CompressionError(
                f"'{name}' is a {type(layer).__name__} by now; narrow feed-forward "
                "layers first, then factorise or quantise"
            )
        found[name] = layer
    return found


def width_of(part: FeedForward) -> int:
    """Hidden channels."""
    return weight_of(plain(part)[part.exit]).size(1)


def narrow_(part: FeedForward, keep: Tensor, down: Tensor | None = None) -> None:
    """Leave out hidden channels, so that the matrices become smaller.

    Args:
        part (FeedForward): Of :func:`feed_forward`.
        keep (Tensor): Channels to keep.
        down (Tensor, optional): Weight of the exit on these channels.
            (default: its columns ``keep``)

    Shapes:
        - **keep:** :math:`(K)` ``int64``
        - **down:** :math:`(d, K)`
    """
    layers = plain(part)
    exit_layer = layers.pop(part.exit)
    for layer in layers.values():
        _replace(layer, weight_of(layer)[keep])
        if layer.bias is not None:
            layer.bias = _parameter(layer.bias[keep], layer.bias)
    _replace(exit_layer, weight_of(exit_layer)[:, keep] if down is None else down)
    if hasattr(part.module, "intermediate_size"):
        part.module.intermediate_size = len(keep)


def note_width(model: Any) -> None:
    """Write the width into the model's configuration, if all blocks have the same.

    Plain transformers can load the model then.
    """
    widths = {width_of(feed_forward(block)) for block in find_blocks(model)}
    if len(widths) == 1:
        name = next(name for name in _WIDTHS if hasattr(model.config, name))
        setattr(model.config, name, widths.pop())


def _replace(layer: Linear, weight: Tensor) -> None:
    if isinstance(layer, Conv1D):
        layer.nf, layer.nx = weight.shape
        weight = weight.T
    else:
        layer.out_features, layer.in_features = weight.shape
    layer.weight = _parameter(weight, layer.weight)


def _parameter(value: Tensor, like: Tensor) -> nn.Parameter:
    # A copy, so that the wide matrix can be freed.
    value = value.detach().to(like.dtype, copy=True).contiguous()
    return nn.Parameter(value, requires_grad=like.requires_grad)


def check_norm_before(blocks: nn.ModuleList) -> None:
    """Refuse blocks that normalise the sum, so that there is no residual stream.

    Raises:
        CompressionError: If there is one, as in the OPT of 350 million parameters.
    """
    if not all(getattr(block, "do_layer_norm_before", True) for block in blocks):
        raise CompressionError(
            "the blocks normalise after the feed-forward layer; only those that "
            "normalise before it have a residual stream to look at"
        )


@torch.no_grad()
def residual_cosines(
    model: Any, input_ids: Tensor, *, skip: int = 0, update: bool = False
) -> Tensor:
    r"""How little each feed-forward layer turns the residual stream.

    .. math::
        c_i = \operatorname{mean}_t \cos\big(\mathbf{h}_{it},
        \mathbf{h}_{it} + \mathrm{FFN}(\mathrm{norm}(\mathbf{h}_{it}))\big)

    Args:
        model (PreTrainedModel): A causal language model.
        input_ids (Tensor): Sequences of one length.
        skip (int, optional): Positions at the start of each that are not counted.
            (default: :obj:`0`)
        update (bool, optional): Compare with the update instead,
            :math:`\cos(\mathbf{h}, \mathrm{FFN}(\mathrm{norm}(\mathbf{h})))`.
            (default: :obj:`False`)

    Shapes:
        - **input_ids:** :math:`(N, T)`
        - **output:** one value a block

    Raises:
        CompressionError: If no position is left to count, or a block normalises after
            its layer.
    """
    if input_ids.size(1) <= skip:
        raise CompressionError(
            f"calibration sequences of {input_ids.size(1)} tokens leave none after "
            f"the first {skip}; give longer ones"
        )
    blocks = find_blocks(model)
    check_norm_before(blocks)
    sums = torch.zeros(len(blocks), dtype=torch.float64)
    before: dict[int, Tensor] = {}
    hooks = []
    for index, block in enumerate(blocks):
        part = feed_forward(block)

        def enter(_: nn.Module, args: Any, index: int = index) -> None:
            before[index] = args[0]

        def leave(_: nn.Module, args: Any, out: Tensor, index: int = index) -> None:
            h = before.pop(index).reshape(-1, input_ids.size(1), out.size(-1))
            after = out.reshape(h.shape) + (0 if update else h)
            cosine = torch.cosine_similarity(h.float(), after.float(), dim=-1)
            sums[index] += cosine[:, skip:].double().sum().cpu()

        hooks.append(part.norm.register_forward_pre_hook(enter))
        hooks.append((part.module or part.down).register_forward_hook(leave))
    try:
        with evaluating(model):
            for row in fitting(model, input_ids).split(1):
                model.base_model(input_ids=row, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return check_cosines(sums / (input_ids.size(0) * (input_ids.size(1) - skip)))

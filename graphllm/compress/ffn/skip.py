"""FFN-SkipLLM: feed-forward layers left out while text is generated."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from graphllm.compress.base import CompressionConfig, LayerReport, Progress
from graphllm.compress.blocks import block_names, find_blocks
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.ffn.choice import check_blocks, check_choice, most_similar
from graphllm.compress.ffn.parts import (
    FeedForward,
    check_norm_before,
    feed_forward,
    residual_cosines,
)
from graphllm.compress.ffn.skipper import (
    SkippableEntry,
    SkippableExit,
    SkippableFFN,
    Skipper,
    SkipPlan,
)
from graphllm.errors import CompressionError

_SKIPPABLE = (SkippableFFN, SkippableEntry, SkippableExit)


@dataclass(frozen=True)
class FFNSkip(CompressionConfig):
    r"""Skips saturated feed-forward layers while text is generated.

    From the `"FFN-SkipLLM: A Hidden Gem for Autoregressive Decoding with Adaptive Feed
    Forward Skipping" <https://arxiv.org/abs/2404.03865>`_ paper. Attention always
    runs, so no entry of the cache is ever missing. The cosine

    .. math::
        c_i = \cos\big(\mathbf{h}, \mathbf{h} + \mathrm{FFN}_i(\mathrm{norm}(
        \mathbf{h}))\big)

    says how little layer :math:`i` turned the residual stream of a token. Blocks at
    both ends are cold and skip nothing. Between them:

    * ``"dynamic"``: when a layer gave :math:`c_i \ge \text{threshold}`, the next
      :math:`k` are skipped, then one runs again, anew for every token. It happens in
      decoding alone, after ``warm_up`` written tokens; a prompt is read in full. In a
      batch all sequences must be saturated, so what one skips depends on the others.
    * ``"static"``: layers of a fixed list are skipped, in reading and writing, in any
      batch, but for the first ``warm_up`` positions of each sequence. A model whose
      first token carries massive activations breaks without those.

    No weights are saved. How much is skipped is known afterwards only:
    ``model.ffn_skip.share``.

    .. note::
        The paper leaves open which cosine is meant. That of a layer's input and
        output (``cosine="block"``) is about zero in every block of the small models
        we looked at and never reaches a threshold; the authors' code is not public.

    Args:
        mode (str, optional): ``"dynamic"`` or ``"static"``.
            (default: :obj:`"dynamic"`)
        threshold (float, optional): As above; above one, nothing is skipped.
            (default: :obj:`0.985`)
        k (int, optional): As above. (default: :obj:`1`)
        warm_up (int, optional): As above. (default: :obj:`25`)
        cold_start (int, optional): Cold blocks at the start. (default: those before
            the first whose mean cosine on the calibration reaches ``cold_below``)
        cold_end (int, optional): Cold blocks at the end. (default: likewise)
        cold_below (float, optional): As above. (default: :obj:`0.9`)
        ratio (float, optional): Static: share of all blocks to skip, those of the
            largest mean cosine on the calibration.
        blocks (tuple[int, ...], optional): Static: the list, instead of ``ratio``.
        cosine (str, optional): ``"residual"`` or ``"block"``.
            (default: :obj:`"residual"`)

    Raises:
        CompressionError: If an option is out of range or of the other mode.
    """

    method: ClassVar[str] = "ffn_skip"

    mode: Literal["dynamic", "static"] = "dynamic"
    threshold: float = 0.985
    k: int = 1
    warm_up: int = 25
    cold_start: int | None = None
    cold_end: int | None = None
    cold_below: float = 0.9
    ratio: float | None = None
    blocks: tuple[int, ...] = ()
    cosine: Literal["residual", "block"] = "residual"

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if self.mode == "static":
            check_choice(self.blocks, self.ratio)
        elif self.mode != "dynamic" or self.blocks or self.ratio is not None:
            raise CompressionError(
                "'mode' must be 'dynamic', which takes neither 'blocks' nor 'ratio', "
                f"or 'static' (got '{self.mode}')"
            )
        if self.cosine not in ("residual", "block"):
            raise CompressionError(
                f"'cosine' must be 'residual' or 'block' (got '{self.cosine}')"
            )
        smallest = min(self.warm_up, self.cold_start or 0, self.cold_end or 0)
        if smallest < 0 or self.k < 1 or not self.threshold > 0:
            raise CompressionError(
                "'warm_up', 'cold_start' and 'cold_end' must not be negative, 'k' and "
                f"'threshold' must be positive (got {self})"
            )


def apply(
    model: Any,
    config: FFNSkip,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Make a model skip, in place; what it skipped before is replaced.

    Args:
        model (PreTrainedModel): The model.
        config (FFNSkip): What to do.
        calibration (Calibration, optional): Text to find cold blocks and static lists
            on; not needed where they are given.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        list[LayerReport]: One for each layer that may be skipped; it keeps all its
        weights.

    Raises:
        CompressionError: If a calibration is missing, or nothing could be skipped.
    """
    blocks = find_blocks(model)
    count = len(blocks)
    before = getattr(model, "ffn_skip", None)
    detach(model)
    try:
        if config.blocks:
            chosen = check_blocks(config.blocks, count)
        else:
            chosen = _measured(model, config, calibration, count)
    except Exception:
        if before is not None:
            attach(model, before.plan)
        raise
    plan = SkipPlan(
        config.mode, chosen, config.threshold, config.k, config.warm_up, config.cosine
    )
    attach(model, plan)
    names = block_names(model)
    reports = []
    for index in chosen:
        part = feed_forward(blocks[index])
        layers = (*part.entries.values(), part.down)
        size = sum(each.numel() for layer in layers for each in layer.parameters())
        name = f"{names[index]}.{part.place or 'ffn'}"
        reports.append(LayerReport(name, size, size))
    if progress is not None:
        progress(count, count)
    return reports


def attach(model: Any, plan: SkipPlan) -> None:
    """Make a model follow a plan; its parameters keep their names.

    The layers get a class of their own that asks ``model.ffn_skip`` before it
    computes, so that a layer that is skipped costs nothing.

    Args:
        model (PreTrainedModel): The model.
        plan (SkipPlan): What to skip.

    Raises:
        CompressionError: If a block does not exist or normalises after its layer.
    """
    blocks = find_blocks(model)
    if any(index >= len(blocks) for index in plan.blocks):
        raise CompressionError(
            f"the plan of FFN-skip is for another model: blocks {plan.blocks} of "
            f"{len(blocks)}"
        )
    parts = [feed_forward(blocks[index]) for index in plan.blocks]
    check_norm_before(blocks)
    skipper = Skipper(plan, len(blocks))
    # What holds the list of blocks is the one that each pass goes through.
    listed = block_names(model)[0].rpartition(".")[0]
    decoder = model.get_submodule(listed.rpartition(".")[0])
    skipper.handles.append(
        decoder.register_forward_pre_hook(skipper.begin, with_kwargs=True)
    )
    for part in parts:
        for layer, kind in _layers(part):
            layer.__class__ = type(
                f"{kind.__name__}{type(layer).__name__}", (kind, type(layer)), {}
            )
            layer.skipper = skipper  # type: ignore[assignment]
        if plan.mode == "dynamic":
            hook = part.norm.register_forward_pre_hook(skipper.remember)
            skipper.handles.append(hook)
    model.ffn_skip = skipper


def detach(model: Any) -> None:
    """Give a model back the layers that never skip.

    Args:
        model (PreTrainedModel): The model; nothing happens where it does not skip.
    """
    skipper = getattr(model, "ffn_skip", None)
    if skipper is None:
        return
    for handle in skipper.handles:
        handle.remove()
    for module in model.modules():
        if isinstance(module, _SKIPPABLE):
            module.__class__ = type(module).__bases__[1]
            del module.skipper
    del model.ffn_skip


def _layers(part: FeedForward) -> list[tuple[nn.Module, type[nn.Module]]]:
    if part.module is not None:
        return [(part.module, SkippableFFN)]
    entries = [(layer, SkippableEntry) for layer in part.entries.values()]
    return [*entries, (part.down, SkippableExit)]


def _measured(
    model: Any, config: FFNSkip, calibration: Calibration | None, count: int
) -> tuple[int, ...]:
    start, end = config.cold_start, config.cold_end
    cosines = None
    if start is None or end is None or config.ratio is not None:
        ids = needed(calibration, "ffn_skip").input_ids
        skip = min(config.warm_up, ids.size(1) - 1)
        cosines = residual_cosines(
            model, ids, skip=skip, update=config.cosine == "block"
        )
        if start is None or end is None:
            found = _region(cosines, config)
            start = found[0] if start is None else start
            end = count - found[1] if end is None else end
    if start + end >= count:
        raise CompressionError(
            f"of {count} blocks {start} at the start and {end} at the end are cold; "
            "nothing is left to skip"
        )
    region = range(start, count - end)
    if config.ratio is None or cosines is None:
        return tuple(region)
    return tuple(most_similar(cosines, config.ratio, region))


def _region(cosines: Tensor, config: FFNSkip) -> tuple[int, int]:
    warm = (cosines >= config.cold_below).nonzero().squeeze(1)
    if len(warm) == 0:
        raise CompressionError(
            f"no feed-forward layer reaches a mean cosine of {config.cold_below:g} "
            f"(the largest is {float(cosines.max()):.3f}); lower 'cold_below' or give "
            "'cold_start' and 'cold_end'"
        )
    return int(warm[0]), int(warm[-1]) + 1

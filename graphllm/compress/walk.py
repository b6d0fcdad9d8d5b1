"""Walking through a decoder block by block, with statistics of each."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from graphllm.compress.base import Progress
from graphllm.compress.blocks import find_blocks, linears
from graphllm.compress.calibration import Calibration
from graphllm.compress.stats import InputStats, Statistic
from graphllm.errors import CompressionError

Visit = Callable[[int, nn.Module, dict[str, InputStats]], None]

# Names under which a block of one family or another is given its cache.
_CACHES = ("past_key_values", "past_key_value", "layer_past")


@torch.no_grad()
def walk_blocks(
    model: nn.Module,
    calibration: Calibration,
    visit: Visit,
    *,
    names: Collection[str] | None = None,
    which: Sequence[Statistic] = ("norm",),
    rerun: bool = True,
    batch_tokens: int = 4096,
    progress: Progress | None = None,
) -> None:
    """Visit block by block, each fed by what the blocks before it became.

    The calibration runs through a block while statistics of what enters its linear
    layers are summed, ``visit`` may then change the block, and the calibration runs
    through what became of it to give the inputs of the next block. Held in memory are
    the hidden states of the calibration and the statistics of one block. Layers that
    read the same tensor share one :class:`~graphllm.compress.stats.InputStats`.

    Args:
        model (PreTrainedModel): As :func:`~graphllm.compress.blocks.find_blocks` takes
            it, on any device. It is in evaluation mode during the walk.
        calibration (Calibration): The sequences.
        visit (Callable): Called with the block's index, the block, and the statistics
            of each layer by its name in :func:`~graphllm.compress.blocks.linears`.
        names (Collection[str], optional): Layers to watch; an empty one watches none.
            (default: all)
        which (Sequence[str], optional): Statistics to sum.
            (default: :obj:`("norm",)`)
        rerun (bool, optional): Whether ``visit`` changes blocks, so that they are run
            again. (default: :obj:`True`)
        batch_tokens (int, optional): Most tokens at a time. (default: :obj:`4096`)
        progress (Callable, optional): Called with the blocks done and all blocks.

    Raises:
        CompressionError: If the calibration does not fit the model, or activations
            overflow.
    """
    blocks = find_blocks(model)
    ids = fitting(model, calibration.input_ids)
    chunks = ids.split(max(1, batch_tokens // ids.size(1)))
    with evaluating(model):
        # All sequences are equally long, so chunks differ in their rows alone.
        ends = {len(chunk): chunk for chunk in (chunks[0], chunks[-1])}
        calls = {rows: _calls(model, blocks, ids)[1] for rows, ids in ends.items()}
        hidden = [_calls(model, blocks[:1], chunk)[0] for chunk in chunks]
        for index, block in enumerate(blocks):
            arguments = {rows: each[index] for rows, each in calls.items()}
            with _watching(block, names, which) as stats:
                for row, states in enumerate(hidden):
                    out = _run(block, states, arguments)
                    hidden[row] = states if rerun else out
            _check_finite(stats, index)
            visit(index, block, stats)
            if rerun:
                for row, states in enumerate(hidden):
                    hidden[row] = _run(block, states, arguments)
            if progress is not None:
                progress(index + 1, len(blocks))


class _Reached(Exception):
    """The last block of interest was reached; what comes after it is not needed."""


@dataclass
class _Call:
    """What a block was called with, its hidden states apart."""

    positional: tuple[Any, ...]
    named: dict[str, Any]


def _calls(
    model: nn.Module, blocks: nn.ModuleList, ids: Tensor
) -> tuple[Tensor, list[_Call]]:
    # The first block's hidden states, and one call for each block: some models give
    # full attention to one of them and a sliding window to the next.
    calls: list[_Call] = []
    entered: list[Tensor] = []

    def note(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        rest: dict[str, Any] = {
            k: None if k in _CACHES else v for k, v in named.items()
        }
        hidden = given[0] if given else rest.pop("hidden_states")
        if not calls:
            entered.append(hidden)
        calls.append(_Call(given[1:], rest))
        if len(calls) == len(blocks):
            raise _Reached

    hooks = [each.register_forward_pre_hook(note, with_kwargs=True) for each in blocks]
    try:
        model(ids, use_cache=False)
    except _Reached:
        return entered[0], calls
    finally:
        for hook in hooks:
            hook.remove()
    raise CompressionError(
        f"'{type(model).__name__}' ran through {len(calls)} of its {len(blocks)} blocks"
    )


def _run(block: nn.Module, states: Tensor, arguments: dict[int, _Call]) -> Tensor:
    call = arguments[len(states)]
    out = block(states, *call.positional, **call.named)
    return out if isinstance(out, Tensor) else out[0]


@contextmanager
def _watching(
    block: nn.Module, names: Collection[str] | None, which: Sequence[Statistic]
) -> Iterator[dict[str, InputStats]]:
    """Sum statistics of all that enters the named layers in the meantime."""
    stats: dict[str, InputStats] = {}
    # What the block's last run fed to which statistics. Layers that read one tensor
    # in the first run do so in all.
    seen: list[tuple[Tensor, InputStats]] = []
    hooks = []

    def begin(*_: Any) -> None:
        seen.clear()

    def watch(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def note(_: nn.Module, given: tuple[Any, ...]) -> None:
            x = given[0]
            sharing = next((each for tensor, each in seen if tensor is x), None)
            if name not in stats:
                stats[name] = sharing or InputStats(x.size(-1), which, x.device)
            if sharing is None:
                seen.append((x, stats[name]))
                stats[name].update(x)

        return note

    watched = linears(block) if names is None or len(names) > 0 else {}
    hooks.append(block.register_forward_pre_hook(begin))
    for name, linear in watched.items():
        if names is None or name in names:
            hooks.append(linear.register_forward_pre_hook(watch(name)))
    try:
        yield stats
    finally:
        seen.clear()
        for hook in hooks:
            hook.remove()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every module has its own mode back after."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def fitting(model: Any, ids: Tensor, what: str = "calibration sequences") -> Tensor:
    """The token ids on the model's device, if the model can read them.

    Args:
        model (PreTrainedModel): A causal language model.
        ids (Tensor): Token ids.
        what (str, optional): What they are, for the message.

    Shapes:
        - **ids:** :math:`(N, T)`

    Raises:
        CompressionError: If a sequence is longer than the model's context, or a token
            is none of its vocabulary.
    """
    words = model.get_input_embeddings()
    config = model.config.get_text_config()
    context = getattr(config, "max_position_embeddings", None) or ids.size(1)
    if ids.size(1) > context:
        raise CompressionError(
            f"{what} have {ids.size(1)} tokens and the model's context only {context}; "
            "use shorter ones"
        )
    if not 0 <= int(ids.min()) <= int(ids.max()) < words.num_embeddings:
        raise CompressionError(
            f"tokens of {what} go up to {int(ids.max())} and the vocabulary of the "
            f"model to {words.num_embeddings - 1}; use the model's own tokenizer"
        )
    return ids.to(words.weight.device)


def _check_finite(stats: dict[str, InputStats], index: int) -> None:
    for name, each in stats.items():
        if not each.is_finite():
            raise CompressionError(
                f"activations that enter '{name}' of block {index} are not finite; "
                "load the model in float32"
            )

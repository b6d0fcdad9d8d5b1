"""Which feed-forward layers are left out for which tokens, at the time they run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graphllm.errors import CompressionError


@dataclass(frozen=True)
class SkipPlan:
    """What a model needs to know to skip, ready for JSON.

    Args:
        mode (str): ``"dynamic"`` or ``"static"``.
        blocks (tuple[int, ...]): Static: blocks whose layer is skipped. Dynamic:
            blocks whose layer may be.
        threshold (float): Cosine from which a layer counts as saturated.
        k (int): Layers that are skipped after a saturated one.
        warm_up (int): Tokens that keep every layer.
        cosine (str): ``"residual"`` or ``"block"``.
    """

    mode: Literal["dynamic", "static"]
    blocks: tuple[int, ...]
    threshold: float
    k: int
    warm_up: int
    cosine: Literal["residual", "block"]

    def to_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SkipPlan":
        """The counterpart of :meth:`to_dict`.

        Raises:
            CompressionError: If a field is missing or unknown.
        """
        try:
            return cls(**{**values, "blocks": tuple(values["blocks"])})
        except (KeyError, TypeError) as error:
            raise CompressionError(
                f"the plan of FFN-skip is damaged ({error})"
            ) from None


class Skipper:
    """Follows a model through its forward passes and decides what is skipped.

    Attached by :func:`~graphllm.compress.ffn.skip.attach`, which the model then has
    as ``ffn_skip``. It counts positions by the last prompt it saw, so generations of
    one model take turns and do not interleave.

    Args:
        plan (SkipPlan): What to skip.
        num_blocks (int): Blocks of the model.
    """

    def __init__(self, plan: SkipPlan, num_blocks: int) -> None:
        self.plan = plan
        self.num_blocks = num_blocks
        self.handles: list[Any] = []
        self._prompt = 0
        self._left = 0
        self._count = 0
        self._active = False
        # Tokens that keep the layer; None stands for all.
        self._rows: Tensor | None = None
        self._warm: Tensor | None = None
        self._before: Tensor | None = None
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self._tokens = 0
        self._skipped = 0

    @property
    def share(self) -> float:
        """Share of all feed-forward layers, token by token, that was skipped."""
        return self._skipped / max(self._tokens * self.num_blocks, 1)

    def begin(self, _: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Look at what a forward pass of the decoder is given (a pre-hook)."""
        given = args[0] if args else named.get("input_ids")
        given = named.get("inputs_embeds") if given is None else given
        if not isinstance(given, Tensor):
            self._active = False
            return
        rows, length = given.shape[:2]
        cache = named.get("past_key_values")
        past = cache.get_seq_length() if cache is not None else 0
        self._tokens += rows * length
        self._left = 0
        if length > 1 or past == 0:
            self._prompt = past + length
        if self.plan.mode == "static":
            self._active = True
            position = _positions(named, past, length, given.device)
            warm = (position < self.plan.warm_up).expand(rows, length).reshape(-1)
            self._warm = warm.nonzero().squeeze(1)
        else:
            written = past + length - self._prompt
            self._active = length == 1 and written > self.plan.warm_up

    def remember(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        """Keep the residual stream (a pre-hook of the norm)."""
        self._before = args[0]

    def enter(self, x: Tensor) -> Tensor | None:
        """Rows of ``x`` for which the layer runs; :obj:`None` for all."""
        self._count = x.numel() // x.size(-1)
        self._rows = None
        if self._active and self.plan.mode == "static":
            self._rows = self._warm
        elif self._active and self._left > 0:
            self._left -= 1
            self._rows = torch.empty(0, dtype=torch.long, device=x.device)
        if self._rows is not None:
            self._skipped += self._count - len(self._rows)
        return self._rows

    def leave(self, out: Tensor) -> None:
        """Look at what a layer added, whether it is saturated."""
        before, self._before = self._before, None
        if self.plan.mode == "static" or not self._active or self._rows is not None:
            return
        assert before is not None, "the norm runs before the layer"
        after = out.reshape(before.shape).float()
        if self.plan.cosine == "residual":
            after = after + before.float()
        # All sequences of a batch must agree, since a mask would save nothing.
        cosine = torch.cosine_similarity(before.float(), after, dim=-1).min()
        if float(cosine) >= self.plan.threshold:
            self._left = self.plan.k

    def scatter(self, out: Tensor) -> Tensor:
        """Put what was computed for some rows among zeros for the others."""
        assert self._rows is not None
        full = out.new_zeros(self._count, out.size(-1))
        return full.index_copy(0, self._rows, out) if len(self._rows) else full

    @property
    def rows(self) -> Tensor | None:
        """What :meth:`enter` answered last."""
        return self._rows


def _positions(
    named: dict[str, Any], past: int, length: int, device: torch.device
) -> Tensor:
    given = named.get("position_ids")
    if isinstance(given, Tensor):
        return given
    mask = named.get("attention_mask")
    if isinstance(mask, Tensor) and mask.dim() == 2:
        return (mask.long().cumsum(-1) - 1)[:, -length:]
    return torch.arange(past, past + length, device=device).unsqueeze(0)


class SkippableFFN(nn.Module):
    """Makes a feed-forward layer ask before it runs; mixed into the layer's class."""

    skipper: Skipper

    def forward(self, x: Tensor) -> Tensor:
        """The layer for the rows that keep it, zeros for the others."""
        rows = self.skipper.enter(x)
        if rows is None:
            out: Tensor = super().forward(x)
        elif len(rows) == 0:
            return torch.zeros_like(x)
        else:
            flat = x.reshape(-1, x.size(-1))
            out = self.skipper.scatter(super().forward(flat[rows])).reshape(x.shape)
        self.skipper.leave(out)
        return out


class SkippableEntry(nn.Module):
    """The same for the widening layer of OPT, whose blocks hold both layers."""

    skipper: Skipper

    def forward(self, x: Tensor) -> Tensor:
        """The layer for the rows that keep it, and no others."""
        rows = self.skipper.enter(x)
        return super().forward(x if rows is None else x[rows])


class SkippableExit(nn.Module):
    """The same for the narrowing layer of OPT."""

    skipper: Skipper

    def forward(self, x: Tensor) -> Tensor:
        """The layer for the rows that are there, zeros for the others."""
        out: Tensor = super().forward(x)
        if self.skipper.rows is not None:
            return self.skipper.scatter(out)
        self.skipper.leave(out)
        return out

"""What one model is worth: how well it reads a text, its bytes, its speed."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphllm.compress import (
    Agreement,
    Speed,
    agreement,
    compare_speed,
    save,
    size_of,
)

DENSE = "dense"


@dataclass
class Row:
    """The figures of one model.

    Args:
        arm (str): Which.
        perplexity (float): On the text.
        kl (float): Mean KL divergence from the dense model a token, in nats.
        top1_share (float): Share of tokens after which both would write the same.
        disk_bytes (int): All files that must be shipped, tokenizer included.
        memory_bytes (int, optional): Parameters and buffers; unknown for GGUF.
        parameters (int, optional): Those of the dense model.
        kept_parameters (int, optional): Those that are left and not zero.
        prefill (float, optional): Tokens read a second.
        decode (float, optional): Tokens written a second.
        skipped_share (float, optional): Feed-forward layers left out while the text
            was read, as a share of all.
    """

    arm: str
    perplexity: float
    kl: float
    top1_share: float
    disk_bytes: int
    memory_bytes: int | None = None
    parameters: int | None = None
    kept_parameters: int | None = None
    prefill: float | None = None
    decode: float | None = None
    skipped_share: float | None = None

    def metrics(self) -> dict[str, float]:
        """What was measured, by name."""
        found = asdict(self)
        del found["arm"]
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Measure:
    r"""How models are measured, the same way each.

    Args:
        input_ids (Tensor): Windows of a text that no calibration has seen.
        prefill (int, optional): Tokens read for the speed. (default: :obj:`192`)
        decode (int, optional): Tokens written for it; more than the warm-up of
            FFN-skip, or nothing would be skipped. (default: :obj:`48`)
        repeats (int, optional): Measurements of the speed; :obj:`0` for none.
            (default: :obj:`3`)

    Shapes:
        - **input_ids:** :math:`(\text{windows}, T)`
    """

    input_ids: Tensor
    prefill: int = 192
    decode: int = 48
    repeats: int = 3

    def read(self, dense: Any, compressed: Any) -> tuple[Agreement, float | None]:
        """How both models read the text, and the share of layers that was skipped.

        Args:
            dense (PreTrainedModel): The model before.
            compressed (PreTrainedModel): The model after.

        Returns:
            tuple: The figures, and the share where the second skips.
        """
        skipper = getattr(compressed, "ffn_skip", None)
        if skipper is None:
            return agreement(dense, compressed, self.input_ids), None
        skipper.reset()
        # Only what skips in decoding has to be read token by token.
        decoding = skipper.plan.mode == "dynamic"
        found = agreement(dense, compressed, self.input_ids, one_at_a_time=decoding)
        return found, float(skipper.share)

    def speeds(self, models: dict[str, Any]) -> dict[str, Speed]:
        """Tokens a second of all, taking turns; empty without repeats.

        The prompt is the beginning of the text: what a model does with noise says
        little where the work depends on the tokens.
        """
        if not self.repeats:
            return {}
        text = self.input_ids.flatten()
        # A text shorter than the prompt is read again.
        prompt = text.repeat(-(-self.prefill // len(text)))
        return compare_speed(models, self.prefill, self.decode, self.repeats, prompt)

    def describe(self, device: torch.device) -> dict[str, Any] | None:
        """How the speed was measured, for the record."""
        if not self.repeats:
            return None
        return {
            "prefill": self.prefill,
            "decode": self.decode,
            "repeats": self.repeats,
            "threads": torch.get_num_threads(),
            "device": device.type,
        }


def saved_bytes(model: Any, tokenizer: Any, beside: Path) -> int:
    """Bytes of the files of a model, written for the purpose and thrown away.

    Args:
        model (PreTrainedModel): The model.
        tokenizer (PreTrainedTokenizerBase, optional): Written with it.
        beside (Path): A path in whose folder there is room.

    Raises:
        CompressionError: If there is none after all.
    """
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside.parent, prefix=".dense-") as folder:
        return size_of(save(model, Path(folder) / "model", tokenizer))

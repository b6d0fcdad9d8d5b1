"""The options of ``graphllm compress``, refused or turned into what they mean."""

from dataclasses import MISSING, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

from graphllm.cli.setup import check_out, flag, names_of, one_of, settle
from graphllm.compress import (
    AWQ,
    GPTQ,
    OWL,
    RTN,
    CompressionConfig,
    DropBlocks,
    DropFFN,
    DynamicInt8,
    FFNSkip,
    FFNWidth,
    Int4,
    Int8,
    Magnitude,
    SparseGPT,
    UniformSVD,
    Wanda,
    WeLore,
    is_compressed,
)
from graphllm.compress.gguf.tensors import TYPES
from graphllm.compress.prune.config import PruningConfig
from graphllm.compress.repair.repair import Method
from graphllm.errors import GraphLLMError
from graphllm.experiments.compression import Repair

METHODS: dict[str, type[CompressionConfig]] = {
    kind.method.replace("_", "-"): kind
    for kind in (
        Magnitude,
        Wanda,
        SparseGPT,
        WeLore,
        UniformSVD,
        RTN,
        GPTQ,
        AWQ,
        Int8,
        Int4,
        DynamicInt8,
        FFNWidth,
        DropFFN,
        DropBlocks,
        FFNSkip,
    )
}
OPTIONS = (
    "ratio",
    "pattern",
    "allocate",
    "bits",
    "group_size",
    "packed",
    "objective",
    "whiten",
    "only_lrc",
    "score",
    "refit",
    "multiple_of",
    "blocks",
    "mode",
    "threshold",
    "k",
    "warm_up",
)
REPAIR = {
    "repair_steps": Repair.steps,
    "repair_lr": Repair.lr,
    "repair_rank": Repair.rank,
    "kl_weight": Repair.kl_weight,
}
_READ_TEXT = (Wanda, SparseGPT, GPTQ, AWQ, DropBlocks, DropFFN, FFNSkip)


def config_of(given: SimpleNamespace) -> CompressionConfig:
    """The configuration that the options describe.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.compress.compress`.

    Raises:
        UnknownNameError: If there is no such method.
        GraphLLMError: If an option is out of range, missing, or none of the method's.
    """
    one_of("compression method", given.method, METHODS)
    kind = METHODS[given.method]
    told: dict[str, Any] = {
        name: value for name in OPTIONS if (value := getattr(given, name)) is not None
    }
    known = {each.name: each for each in fields(kind)}
    for name in told:
        if name not in known:
            takes = ", ".join(flag(each) for each in OPTIONS if each in known)
            raise GraphLLMError(
                f"'{flag(name)}' means nothing to {given.method}; leave it out"
                + (f" (it takes {takes})" if takes else "")
            )
    if "blocks" in told:
        told["blocks"] = parse_blocks(told["blocks"])
    if kind is FFNSkip and told.keys() & {"ratio", "blocks"}:
        told.setdefault("mode", "static")
    if told.get("mode") == "static" and told.keys() & {"threshold", "k"}:
        raise GraphLLMError(
            "'--threshold' and '--k' are for '--mode dynamic', where each token says "
            "what is skipped; leave them out"
        )
    for name, field in known.items():
        if field.default is MISSING and name not in told:
            raise GraphLLMError(f"{given.method} needs '{flag(name)}'; give it")
    return kind(**told)


def parse_blocks(text: str) -> tuple[int, ...]:
    """Indices of blocks.

    Raises:
        GraphLLMError: If one is no whole number from 0.
    """
    words = names_of(text)
    if not words or not all(word.isdecimal() for word in words):
        raise GraphLLMError(
            f"'--blocks {text}' must be numbers of blocks from 0, such as 3,5,8"
        )
    return tuple(int(word) for word in words)


def reads_text(config: CompressionConfig) -> bool:
    """Whether a method looks at a calibration text."""
    if getattr(config, "blocks", ()):
        return False
    if isinstance(config, Magnitude):
        return isinstance(config.allocate, OWL)
    if isinstance(config, WeLore | UniformSVD):
        return config.whiten
    if isinstance(config, FFNWidth):
        return config.refit or config.score != "magnitude"
    if isinstance(config, DynamicInt8):
        return config.threshold is not None
    return isinstance(config, _READ_TEXT)


def check(given: SimpleNamespace, config: CompressionConfig) -> None:
    """Refuse everything else that can be refused without loading anything.

    Args:
        given (SimpleNamespace): As in :func:`config_of`.
        config (CompressionConfig): What they describe.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    if given.repair is not None:
        one_of("repair", given.repair, get_args(Method))
        _check_repair(given, config)
    if given.gguf is not None:
        given.gguf = given.gguf.upper()
        one_of("GGUF type", given.gguf, TYPES)
        if isinstance(config, FFNSkip | DropFFN):
            raise GraphLLMError(
                f"a GGUF file cannot say which layers {given.method} leaves out; leave "
                "--gguf out"
            )
    _check_texts(given, config)
    given.out = out = Path(given.out).expanduser()
    if Path(given.model).expanduser().resolve() == out.resolve():
        raise GraphLLMError(
            f"'--out {out}' is the model itself, which would be replaced; give another "
            "--out"
        )
    taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    if taken and not is_compressed(out):
        raise GraphLLMError(
            f"'{out}' exists and holds no compressed model; give another --out"
        )
    check_out(out.parent)


def repair_options(given: SimpleNamespace) -> None:
    """Put defaults where nothing was said of the repair; without one, say nothing.

    Raises:
        GraphLLMError: If something was said of a repair that was not asked for.
    """
    refusal = "says nothing without '--repair'; add it, or leave this out"
    settle(given, REPAIR, given.repair is not None, refusal)


def _check_texts(given: SimpleNamespace, config: CompressionConfig) -> None:
    """Refuse to measure on what was trained or calibrated on."""
    seen, read = (Path(each).expanduser() for each in (given.calibration, given.text))
    used = reads_text(config) or given.repair is not None
    if used and seen.is_file() and read.is_file() and seen.samefile(read):
        raise GraphLLMError(
            f"'{read}' is both calibration and text, and a model is no judge of what "
            "it was fitted to; give another --text"
        )


def _check_repair(given: SimpleNamespace, config: CompressionConfig) -> None:
    if isinstance(config, RTN | Int8 | Int4 | DynamicInt8):
        raise GraphLLMError(
            f"'--repair {given.repair}' trains weights, and {given.method} leaves few "
            "values for them; repair a model first, and compress OUT once more"
        )
    if given.repair_lr is not None and not given.repair_lr > 0:
        raise GraphLLMError(f"'--repair-lr' must be positive (got {given.repair_lr:g})")
    if given.repair == "lora" and isinstance(config, PruningConfig):
        raise GraphLLMError(
            f"'--repair lora' fills the zeros that {given.method} leaves; take "
            "sparse_lora, which keeps them"
        )
    if given.repair == "low_rank" and not isinstance(config, WeLore | UniformSVD):
        raise GraphLLMError(
            "'--repair low_rank' trains the factors of welore and uniform-svd, and "
            f"{given.method} leaves none; take lora or sparse_lora"
        )

"""Compressed models on disk: a directory that is complete or absent."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, GenerationConfig

from graphllm.compress.ffn.skip import attach
from graphllm.compress.ffn.skipper import SkipPlan
from graphllm.compress.modules import module_table, rebuild, skeleton
from graphllm.errors import CompressionError

VERSION = 1
FACTS = "compression.json"
WEIGHTS = "model.safetensors"
# For models that only graphllm can rebuild: plain transformers finds no weights there,
# where it would make up those that do not fit.
SWAPPED_WEIGHTS = "compressed.safetensors"
# What files that were changed or cut make others raise.
_DAMAGE = (
    AttributeError,
    KeyError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)
_KEYS = ("methods", "modules", "skip", "tied")


def save(model: Any, path: str | Path, tokenizer: Any = None) -> Path:
    """Write a model, compressed or not, to a directory.

    It holds ``config.json``, ``model.safetensors``, the tokenizer, and
    ``compression.json`` with the configurations, the modules that were swapped, and
    what is skipped. A model without swapped modules is loaded by plain transformers
    too; the weights of others are in ``compressed.safetensors``. The directory appears
    under its name when it is whole; an older compressed model of that name is replaced
    then.

    Args:
        model (PreTrainedModel): The model.
        path (str or Path): The directory.
        tokenizer (PreTrainedTokenizerBase, optional): Its tokenizer. Without it, the
            directory cannot be used as ``--llm``.

    Returns:
        Path: The directory.

    Raises:
        CompressionError: If there is something else at ``path``, a module cannot be
            saved, or the directory cannot be written.
    """
    # A link is followed: what it points to is replaced, not the link.
    path = Path(path).expanduser().resolve()
    _check_free(path)
    table = module_table(model)
    skipper = getattr(model, "ffn_skip", None)
    tensors, tied = _unique(model.state_dict())
    facts = {
        "version": VERSION,
        "methods": getattr(model, "compression", []),
        "modules": table,
        "tied": tied,
        "skip": skipper.plan.to_dict() if skipper is not None else None,
    }
    work = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        work.chmod(0o755)
        _write(model, tokenizer, facts, tensors, work)
        _put(work, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CompressionError(
            f"cannot write the model to '{path}' ({reason}); free some space or give "
            "another directory"
        ) from None
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
    return path


def load(path: str | Path) -> Any:
    """Read what :func:`save` wrote.

    Modules are rebuilt by name from a fixed table; nothing in the directory is
    executed.

    Args:
        path (str or Path): The directory.

    Returns:
        PreTrainedModel: On the CPU, in the types it was saved in, in evaluation mode.

    Raises:
        CompressionError: If there is no such directory, it is of another version, or
            damaged.
    """
    path = Path(path).expanduser()
    facts = _read_facts(path)
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        model = skeleton(config)
        for name, module in facts["modules"].items():
            model.set_submodule(name, rebuild(module), strict=True)
        state = load_file(path / _weights(facts))
        if (path / "generation_config.json").is_file():
            model.generation_config = GenerationConfig.from_pretrained(path)
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    _fill(model, state, facts["tied"], path)
    if facts["skip"] is not None:
        attach(model, SkipPlan.from_dict(facts["skip"]))
    model.compression = facts["methods"]
    model.config._name_or_path = str(path)
    return model.eval()


def is_compressed(path: str | Path) -> bool:
    """Whether a directory is one that :func:`save` wrote."""
    return (Path(path).expanduser() / FACTS).is_file()


def _check_free(path: Path) -> None:
    if path.is_dir() and (is_compressed(path) or not any(path.iterdir())):
        return
    if path.exists():
        raise CompressionError(
            f"'{path}' exists and holds no compressed model; give another directory"
        )


def _write(
    model: Any,
    tokenizer: Any,
    facts: Mapping[str, Any],
    tensors: dict[str, Tensor],
    work: Path,
) -> None:
    model.config.save_pretrained(work)
    generation = getattr(model, "generation_config", None)
    if generation is not None:
        generation.save_pretrained(work)
    if tokenizer is not None:
        _write_tokenizer(tokenizer, work)
    save_file(tensors, work / _weights(facts), metadata={"format": "pt"})
    (work / FACTS).write_text(json.dumps(facts, indent=2), "utf-8")


def _write_tokenizer(tokenizer: Any, work: Path) -> None:
    try:
        tokenizer.save_pretrained(work)
    except OSError:
        raise
    # tokenizers has no type of its own for a full disk.
    except Exception as error:
        raise OSError(str(error)) from None


def _weights(facts: Mapping[str, Any]) -> str:
    return SWAPPED_WEIGHTS if facts["modules"] else WEIGHTS


def _unique(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tied tensors once, and under which name the others are."""
    stored: dict[tuple[int, int, tuple[int, ...]], str] = {}
    tensors: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    for name, value in state.items():
        if type(value) not in (Tensor, nn.Parameter):
            raise CompressionError(
                f"'{name}' is a {type(value).__name__}, which cannot be saved; "
                "quantise with backend='graphllm' to save"
            )
        key = (value.data_ptr(), value.numel(), value.stride())
        if value.numel() and key in stored:
            tied[name] = stored[key]
            continue
        stored[key] = name
        value = value.detach().cpu().contiguous()
        # A part of a larger tensor cannot be written as it is.
        whole = value.untyped_storage().nbytes() == value.nbytes
        tensors[name] = value if whole else value.clone()
    return tensors, tied


def _put(work: Path, path: Path) -> None:
    if not path.exists():
        os.rename(work, path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    try:
        os.replace(path, old)
    except OSError:
        old.rmdir()
        raise
    try:
        os.rename(work, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads((path / FACTS).read_text("utf-8"))
        version = facts["version"]
        if version == VERSION:
            return {key: facts[key] for key in _KEYS}
    except FileNotFoundError:
        raise CompressionError(
            f"no compressed model at '{path}': it has no {FACTS}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None
    raise CompressionError(
        f"the model at '{path}' is of version {version}; this graphllm reads version "
        f"{VERSION}: compress it again, or use the graphllm that wrote it"
    )


def _fill(
    model: Any, state: dict[str, Tensor], tied: Mapping[str, str], path: Path
) -> None:
    try:
        found = model.load_state_dict(state, strict=False, assign=True)
        for name, stored in tied.items():
            _tie(model, name, stored)
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    empty = [name for name, value in model.state_dict().items() if value.is_meta]
    empty += [name for name in found.missing_keys if name not in tied]
    wrong = [*found.unexpected_keys, *empty]
    if wrong:
        raise _damaged(path, f"'{wrong[0]}' is missing or not expected")


def _tie(model: Any, name: str, stored: str) -> None:
    place, _, mine = name.rpartition(".")
    other, _, theirs = stored.rpartition(".")
    setattr(
        model.get_submodule(place), mine, getattr(model.get_submodule(other), theirs)
    )


def _damaged(path: Path, reason: object) -> CompressionError:
    text = " ".join(str(reason).split())[:200]
    return CompressionError(
        f"the compressed model at '{path}' is damaged ({text}); compress it again"
    )

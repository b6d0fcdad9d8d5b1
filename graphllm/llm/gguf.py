"""Weights in a GGUF file, turned once into a folder that transformers reads fast."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import unpack
from typing import Any

from graphllm.cache_dir import cache_dir
from graphllm.errors import ModelNotFoundError

MAGIC = b"GGUF"
_SAMPLES = 64
_SAMPLE_BYTES = 16_384

# Vocabularies whose merges were learned with each digit on its own. transformers
# leaves their pre-tokenizer at GPT-2's, which joins the last of several blanks to a
# number that follows.
_SINGLE_DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone")

# What ends an answer besides the one token a GGUF names; llama.cpp stops at them too.
_END_OF_TURN = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>", "<|end|>")


def file_identity(path: str | Path) -> str:
    """Name a weights file so that another file gets another name.

    The name is the file's own with its size and a hash of 64 blocks spread over the
    file, so a model of many gigabytes is named in milliseconds. It depends on
    neither folder nor date.

    Args:
        path (str or Path): The file.

    Returns:
        str: For example ``"SmolLM2-135M-Instruct.Q4_1@5a1b0c..."``.

    Raises:
        ModelNotFoundError: If the file cannot be read or is no GGUF file.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        digest = hashlib.sha256(str(size).encode())
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ModelNotFoundError(f"'{path}' is not a GGUF file")
            for index in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * index // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        if isinstance(error, ModelNotFoundError):
            raise
        raise ModelNotFoundError(
            f"cannot read the model '{path}' ({error.strerror})"
        ) from None
    return f"{path.stem}@{digest.hexdigest()[:12]}"


def convert_gguf(path: str | Path, folder: Path | None = None) -> Path:
    """Convert a GGUF file to ``config.json``, ``model.safetensors`` and tokenizer.

    Quantised weights are unpacked to float32, which is exact; nothing is quantised
    again. The folder appears under its final name only when it is complete, and a
    second call finds it there.

    Args:
        path (str or Path): The ``.gguf`` file.
        folder (Path, optional): Where converted models are kept.
            (default: ``models`` in :func:`~graphllm.cache_dir.cache_dir`)

    Returns:
        Path: A folder for ``from_pretrained``.

    Raises:
        ModelNotFoundError: If the file is no GGUF file, or transformers does not
            know its architecture.
    """
    path = Path(path).expanduser().resolve()
    target = (folder or cache_dir() / "models") / file_identity(path)
    if (target / "config.json").is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=target.parent))
    try:
        with quiet():
            _write(path, work)
        try:
            os.rename(work, target)
        except OSError:  # another process was faster; its folder is the same
            if not (target / "config.json").is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars and remarks of transformers off the terminal."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def read_gguf(path: str | Path) -> Any:
    """The model in a GGUF file, its weights unpacked to float32.

    Args:
        path (str or Path): The ``.gguf`` file.

    Returns:
        PreTrainedModel: On the CPU. It cannot be saved; see :func:`convert_gguf`.

    Raises:
        ModelNotFoundError: If transformers does not know what is in it.
    """
    import torch
    import transformers

    path = Path(path)
    options: dict[str, Any] = {}
    if hasattr(transformers, "GgufConfig"):
        # Newer versions keep the weights packed where a kernel is installed.
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    try:
        # Its progress bar of tensors cannot be turned off.
        with quiet(), redirect_stderr(StringIO()):
            return transformers.AutoModelForCausalLM.from_pretrained(
                path.parent, gguf_file=path.name, dtype=torch.float32, **options
            )
    except ValueError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: ValueError) -> ModelNotFoundError:
    reason = " ".join(str(error).split())[:200]
    return ModelNotFoundError(
        f"transformers cannot read '{path}' ({reason}); try the backend llamacpp"
    )


def _write(path: Path, folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except ValueError as error:
        raise _unreadable(path, error) from None
    loaded = read_gguf(path)
    _split_digits(tokenizer, path)
    tokenizer.save_pretrained(folder)
    fields = loaded.config.to_dict()
    fields.pop("quantization_config", None)
    fields.pop("_name_or_path", None)
    # A model that came from a GGUF refuses save_pretrained; the same weights in a
    # model that came from a config do not.
    with torch.device("meta"):
        model = type(loaded)(type(loaded.config).from_dict(fields))
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    model.generation_config = loaded.generation_config
    model.generation_config.eos_token_id = _end_tokens(tokenizer)
    model.save_pretrained(folder)


def _split_digits(tokenizer: Any, path: Path) -> None:
    from tokenizers import pre_tokenizers

    if _pre_tokenizer(path) in _SINGLE_DIGITS:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )


def _pre_tokenizer(path: Path) -> str:
    # Found by its key, since parsing the whole head takes seconds. After the key come
    # the type of the value (8 is a string), its length, and the string.
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as view:
        start = view.find(b"tokenizer.ggml.pre")
        if start < 0:
            return ""
        start += len(b"tokenizer.ggml.pre")
        kind, length = unpack("<IQ", view[start : start + 12])
        return view[start + 12 : start + 12 + length].decode() if kind == 8 else ""


def _end_tokens(tokenizer: Any) -> list[int]:
    vocabulary = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in _END_OF_TURN if token in vocabulary}
    if tokenizer.eos_token_id is not None:
        ends.add(tokenizer.eos_token_id)
    return sorted(ends)

"""A trained LLaGA on disk: everything but the language model, without pickle."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphllm.errors import LLMError, ModelNotFoundError
from graphllm.llm.identity import model_identity
from graphllm.prompts.graph_prompt import GraphPrompt

if TYPE_CHECKING:
    from graphllm.models.llaga.model import LLaGA

FORMAT = 1
_ENTRIES = ("format", "llm", "width", "template", "model", "prompts")
# Arguments of the model, and its attributes of the same name.
_SETTINGS = ("in_channels", "pad_mode", "lora_rank")
# Those that :meth:`GraphTokenProjector.settings` tells.
_PROJECTOR = ("num_layers", "hidden_channels", "match_rms")
SPEC, WEIGHTS, TEMPLATE = "llaga.json", "projector.safetensors", "template.safetensors"


def save_llaga(
    model: "LLaGA", folder: str | Path, prompts: Sequence[GraphPrompt] = ()
) -> Path:
    """Write projector, adapters, template and prompts (with their class lists).

    Files: ``llaga.json``, ``projector.safetensors``, and ``template.safetensors``
    where the template has a position code, which is unique only up to rotations and
    so belongs to the weights.

    Args:
        model (LLaGA): The model.
        folder (str or Path): Made if it is not there.
        prompts (Sequence[GraphPrompt], optional): What it was trained with.

    Returns:
        Path: The folder.

    Raises:
        ModelNotFoundError: If the folder cannot be written.
    """
    folder = Path(folder)
    llm = model.llm
    spec = {
        "format": FORMAT,
        "llm": model_identity(llm, model.tokenizer),
        "width": model.projector.out_channels,
        "template": model.template.spec(),
        "model": {
            **{name: getattr(model, name) for name in _SETTINGS},
            **model.projector.settings(),
        },
        "prompts": [asdict(prompt) for prompt in prompts],
    }
    text = json.dumps(spec, indent=1, ensure_ascii=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # First gone and last back: a folder with this file is complete, and of one
        # model.
        (folder / SPEC).unlink(missing_ok=True)
        (folder / TEMPLATE).unlink(missing_ok=True)
        _write(folder / WEIGHTS, _weights(model))
        if model.template.tensors():
            _write(folder / TEMPLATE, model.template.tensors())
        partial = folder / f"{SPEC}.partial"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, folder / SPEC)
    except (OSError, SafetensorError) as error:
        raise ModelNotFoundError(f"cannot write to '{folder}' ({error})") from None
    return folder


def read_spec(folder: str | Path, llm: Any) -> dict[str, Any]:
    """The description in a checkpoint, once it is known to fit the language model.

    Raises:
        ModelNotFoundError: If there is none, or it cannot be read.
        LLMError: If it was trained for a language model of another width.
    """
    path = Path(folder) / SPEC
    try:
        spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = spec["format"] == FORMAT
        lacks = set(_ENTRIES) - spec.keys()
        odd = {*_SETTINGS, *_PROJECTOR} ^ spec.get("model", {}).keys()
    except FileNotFoundError:
        raise ModelNotFoundError(
            f"no LLaGA checkpoint at '{folder}' (it has no {SPEC})"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelNotFoundError(
            f"cannot read '{path}' ({error!r}); save the model again"
        ) from None
    if not known:
        raise ModelNotFoundError(
            f"'{path}' has format {spec['format']}, this version reads {FORMAT}"
        )
    if lacks or odd:
        raise ModelNotFoundError(
            f"'{path}' has missing or unknown entries "
            f"({', '.join(sorted(lacks | odd))}); save the model again"
        )
    width = llm.get_input_embeddings().weight.size(1)
    if width != spec["width"]:
        raise LLMError(
            f"the projector in '{folder}' was trained for a language model of width "
            f"{spec['width']} ({spec['llm']}), and this one has {width}"
        )
    return spec


def read_template(folder: str | Path) -> dict[str, Tensor]:
    """Tensors of the template; none where it has none."""
    path = Path(folder) / TEMPLATE
    return _read(path) if path.exists() else {}


def load_weights(model: "LLaGA", folder: str | Path) -> None:
    """Put the saved weights into a model of the same make.

    Raises:
        ModelNotFoundError: If the file is damaged or of another make.
    """
    path = Path(folder) / WEIGHTS
    weights = _read(path)
    own = _weights(model)
    odd = weights.keys() ^ own.keys()
    # Checked by hand: a copy would stretch a smaller tensor without a word.
    odd |= {n for n in weights.keys() & own.keys() if weights[n].shape != own[n].shape}
    if odd:
        raise ModelNotFoundError(f"'{path}' is of another make (differs in {min(odd)})")
    for name, tensor in own.items():
        tensor.copy_(weights[name])


def prompt_from_spec(spec: dict[str, Any]) -> GraphPrompt:
    """The prompt that was saved.

    Raises:
        ModelNotFoundError: If it is not one that this version knows.
    """
    try:
        return GraphPrompt(**{**spec, "candidates": tuple(spec["candidates"])})
    except (TypeError, KeyError) as error:
        raise ModelNotFoundError(
            f"a saved prompt cannot be read ({error!r}); save the model again"
        ) from None


def _weights(model: "LLaGA") -> dict[str, Tensor]:
    weights = {f"projector.{n}": t for n, t in model.projector.state_dict().items()}
    if model.lora_rank is not None:
        parameters = model.llm.named_parameters()
        weights |= {f"llm.{n}": p.data for n, p in parameters if ".lora_" in n}
    return weights


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, partial)
    os.replace(partial, path)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelNotFoundError(f"cannot read '{path}' ({error})") from None

"""A name for a loaded model that changes when its weights do."""

import hashlib
import json
from typing import Any

from torch import nn

_VALUES = 64  # read from each parameter


def model_identity(model: nn.Module, tokenizer: Any) -> str:
    """Name a model after its configuration, weights and chat template.

    The hash covers name, shape, type and about 64 evenly spaced values of each
    parameter, so a fine-tuned, pruned or re-typed model does not get answers that a
    cache holds for the original. Buffers that are saved count as parameters do, since
    quantised weights are buffers; so does what a model skips. It reads kilobytes,
    whatever the size of the model.

    Args:
        model (torch.nn.Module): A model of transformers.
        tokenizer: Its tokenizer.

    Returns:
        str: For example ``"SmolLM2-135M-Instruct@77c1..."``.
    """
    digest = hashlib.sha256()
    parameters = dict(model.named_parameters())
    saved = model.state_dict(keep_vars=True)
    buffers = {name: buffer for name, buffer in model.named_buffers() if name in saved}
    for name, parameter in (parameters | buffers).items():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        values = parameter.detach().reshape(-1)
        if values.numel() and not values.is_meta:
            step = max(1, values.numel() // _VALUES)
            digest.update(str(values[::step].tolist()).encode())
    digest.update(str(getattr(tokenizer, "chat_template", None)).encode())
    skipper = getattr(model, "ffn_skip", None)
    if skipper is not None:
        digest.update(json.dumps(skipper.plan.to_dict()).encode())
    config = getattr(model, "config", None)
    path = str(getattr(config, "_name_or_path", "") or type(model).__name__)
    # A folder's own name says enough; a hub name keeps its owner.
    short = path.rstrip("/").rpartition("/")[2] if path.count("/") != 1 else path
    return f"{short.partition('@')[0]}@{digest.hexdigest()[:12]}"

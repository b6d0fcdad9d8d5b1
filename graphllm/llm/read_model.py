"""From a name to a tokenizer and a model of transformers."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from graphllm.compress.saving import is_compressed, load
from graphllm.errors import CompressionError, ModelNotFoundError
from graphllm.llm.gguf import convert_gguf, quiet
from graphllm.model_packages import find_model


def read_model(
    name: str, dtype: torch.dtype | None, device: torch.device
) -> tuple[Any, Any]:
    """Load a model by name, as :meth:`TransformersLLM.from_pretrained` says.

    Args:
        name (str): A folder, a ``.gguf`` file, ``smollm2`` or a hub name.
        dtype (torch.dtype, optional): Type of the weights. (default: float32 on the
            CPU, where it is the fastest, elsewhere the checkpoint's own); a compressed
            model always keeps its own
        device (torch.device): Where the model is put.

    Returns:
        tuple: Tokenizer and model.

    Raises:
        ModelNotFoundError: If there is no such model or it cannot be read.
        CompressionError: If a compressed one is damaged or of another version.
    """
    path = find_model(name)
    if path.endswith(".gguf"):
        path = str(convert_gguf(path))
    own = torch.float32 if device.type == "cpu" else "auto"
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(path)
            if is_compressed(path):
                # In its own types: others would round the scales of packed weights.
                model = load(path)
            else:
                model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype or own)
    except CompressionError:  # says what is wrong already
        raise
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelNotFoundError(f"cannot load the model '{name}' ({reason})") from None
    return tokenizer, model.to(device)

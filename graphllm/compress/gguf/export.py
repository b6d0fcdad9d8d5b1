"""A model as one ``.gguf`` file, which llama.cpp runs faster than torch on a CPU."""

import os
from pathlib import Path
from typing import Any

from graphllm.compress.ffn.drop_ffn import NoFFN
from graphllm.compress.gguf.tensors import (
    TYPES,
    dense_tensors,
    interleave,
    pack,
    type_of,
)
from graphllm.compress.gguf.vocabulary import write_vocabulary
from graphllm.errors import CompressionError

# What llama.cpp calls the architecture of a model type.
_NAMES = {"gpt2": "gpt2", "llama": "llama", "mistral": "llama", "qwen2": "qwen2"}


def export_gguf(
    model: Any,
    tokenizer: Any,
    path: str | Path,
    dtype: str = "Q8_0",
    *,
    pre: str | None = None,
) -> Path:
    """Write a model as a GGUF file.

    Layers of low rank or few bits are written as the matrices they stand for, so a
    file is as large as ``dtype`` makes it; fewer blocks and narrower feed-forward
    layers are kept. Pruned weights stay zero in every type but ``Q4_1`` and ``Q5_1``,
    whose grid need not hold it. What skips in decoding does not skip there. The file
    appears under its name when it is whole.

    Args:
        model (PreTrainedModel): A Llama, Mistral, Qwen2 or GPT-2.
        tokenizer: Its fast tokenizer, a byte-level BPE.
        path (str or Path): The file to write.
        dtype (str, optional): ``"F32"``, ``"F16"``, ``"Q8_0"`` (8.5 bits a weight),
            ``"Q5_1"``, ``"Q5_0"``, ``"Q4_1"`` or ``"Q4_0"`` (4.5 bits), for
            matrices of blocks; see :func:`~graphllm.compress.gguf.tensors.type_of`.
            (default: :obj:`"Q8_0"`)
        pre (str, optional): llama.cpp's name of the pre-tokenizer, where it cannot be
            guessed.

    Returns:
        Path: The file.

    Raises:
        CompressionError: If the architecture, its rotary scaling, the tokenizer or
            ``dtype`` has no counterpart, or the file cannot be written.
    """
    from gguf import GGUFWriter

    path = Path(path)
    name = _architecture(model, dtype)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = GGUFWriter(str(partial), name)
        try:
            _write_config(writer, model, dtype)
            write_vocabulary(writer, tokenizer, model.config.vocab_size, pre)
            _add_tensors(writer, model, name, dtype)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
        os.replace(partial, path)
    except OSError as error:
        raise CompressionError(
            f"cannot write '{path}' ({error.strerror or error}); free some space or "
            "give another path"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return path


def check_gguf(
    model: Any, tokenizer: Any, dtype: str = "Q8_0", *, pre: str | None = None
) -> None:
    """Refuse what :func:`export_gguf` would refuse, before hours of work.

    Args:
        model (PreTrainedModel): As there.
        tokenizer: As there.
        dtype (str, optional): As there. (default: :obj:`"Q8_0"`)
        pre (str, optional): As there.

    Raises:
        CompressionError: As there.
    """
    from gguf import GGUFWriter

    # Nothing is written before the writer is told to.
    writer = GGUFWriter(os.devnull, _architecture(model, dtype))
    _write_config(writer, model, dtype)
    write_vocabulary(writer, tokenizer, model.config.vocab_size, pre)


def _architecture(model: Any, dtype: str) -> str:
    name = _NAMES.get(model.config.model_type)
    if name is None or dtype not in TYPES:
        raise CompressionError(
            f"cannot export '{model.config.model_type}' in type '{dtype}' to GGUF; "
            f"known are {', '.join(_NAMES)} in {', '.join(TYPES)}"
        )
    if any(isinstance(each, NoFFN) for each in model.modules()):
        raise CompressionError(
            "feed-forward layers were removed, which GGUF cannot say; drop whole "
            "blocks instead"
        )
    return name


def _write_config(writer: Any, model: Any, dtype: str) -> None:
    from gguf import LlamaFileType

    config = model.config
    kind = "ALL_F32" if dtype == "F32" else f"MOSTLY_{dtype}"
    writer.add_file_type(LlamaFileType[kind])
    # llama.cpp attends to everything, as the model does within its window.
    window = getattr(config, "sliding_window", None) or config.max_position_embeddings
    writer.add_context_length(min(window, config.max_position_embeddings))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(_width(config))
    writer.add_head_count(config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    if config.model_type == "gpt2":
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    rotary = config.rope_parameters
    if rotary.get("rope_type", "default") != "default":
        raise CompressionError(
            f"GGUF export does not know rotary scaling '{rotary['rope_type']}'"
        )
    head = _head_size(config)
    writer.add_rope_freq_base(rotary["rope_theta"])
    writer.add_rope_dimension_count(head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def _width(config: Any) -> int:
    if config.model_type == "gpt2":
        return int(config.n_inner or 4 * config.hidden_size)
    return int(config.intermediate_size)


def _head_size(config: Any) -> int:
    given = getattr(config, "head_dim", None)
    return int(given or config.hidden_size // config.num_attention_heads)


def _add_tensors(writer: Any, model: Any, name: str, dtype: str) -> None:
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

    config = model.config
    arch = next(each for each in MODEL_ARCH if MODEL_ARCH_NAMES[each] == name)
    names = get_tensor_name_map(arch, config.num_hidden_layers)
    heads = {
        "attn_q.": config.num_attention_heads,
        "attn_k.": getattr(config, "num_key_value_heads", 0),
    }
    tied = getattr(config, "tie_word_embeddings", False)
    for source, value in dense_tensors(model):
        if source == "lm_head.weight" and tied:
            continue  # llama.cpp takes the embedding where there is no head
        target = names.get_name(source, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise CompressionError(
                f"'{source}' has no counterpart in GGUF; merge what was added to the "
                "model first"
            )
        for part, count in heads.items():
            if name == "llama" and part in target:
                value = interleave(value, count)
        packed, kind = pack(value, type_of(target, tuple(value.shape), dtype))
        writer.add_tensor(target, packed, raw_dtype=kind)

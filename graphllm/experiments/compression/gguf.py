"""A compressed model as a GGUF file: read back, and timed where llama.cpp is there."""

from pathlib import Path
from typing import Any

import torch

from graphllm._optional import available
from graphllm.compress import export_gguf, size_of
from graphllm.experiments.compression.measure import Measure, Row
from graphllm.llm import LlamaCppLLM
from graphllm.llm.gguf import read_gguf


def measure_gguf(
    dense: Any,
    compressed: Any,
    tokenizer: Any,
    path: Path,
    dtype: str,
    measure: Measure,
) -> Row:
    """Write the file and measure what is in it.

    Its weights are read back by transformers for the figures of quality: llama.cpp
    also rounds what goes into a layer to eight bits, which they do not show. The speed
    is llama.cpp's own, as many tokens read and written as by the models of torch.

    Args:
        dense (PreTrainedModel): The model before any compression.
        compressed (PreTrainedModel): What is exported.
        tokenizer (PreTrainedTokenizerBase): Its tokenizer.
        path (Path): The file to write.
        dtype (str): As in :func:`~graphllm.compress.export_gguf`.
        measure (Measure): How.

    Returns:
        Row: Without speed where ``xllamacpp`` is not installed.

    Raises:
        CompressionError: If the model cannot be written in this format.
    """
    export_gguf(compressed, tokenizer, path, dtype)
    found, _ = measure.read(dense, read_gguf(path))
    row = Row(
        f"gguf {dtype.lower()}",
        found.perplexity,
        found.kl,
        found.top1,
        size_of(path),
    )
    if measure.repeats and available("xllamacpp"):
        # As many threads as torch has: their speeds stand side by side.
        threads = torch.get_num_threads()
        with LlamaCppLLM(path, n_parallel=1, n_threads=threads) as server:
            row.prefill, row.decode = server.time_tokens(
                measure.prefill, measure.decode, measure.repeats
            )
    return row

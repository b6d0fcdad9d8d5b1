"""A language model made smaller or faster, and everything that it costs, measured."""

from graphllm.experiments.compression.gguf import measure_gguf
from graphllm.experiments.compression.measure import Measure, Row, saved_bytes
from graphllm.experiments.compression.run import Repair, run_compression

__all__ = ["Measure", "Repair", "Row", "measure_gguf", "run_compression", "saved_bytes"]

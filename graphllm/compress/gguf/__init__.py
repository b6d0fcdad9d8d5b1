"""Export to the file format of llama.cpp."""

from graphllm.compress.gguf.export import export_gguf

__all__ = ["export_gguf"]

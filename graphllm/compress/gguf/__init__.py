"""Export to the file format of llama.cpp."""

from graphllm.compress.gguf.export import check_gguf, export_gguf

__all__ = ["check_gguf", "export_gguf"]

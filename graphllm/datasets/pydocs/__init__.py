"""A text graph read from the documentation of installed packages."""

from graphllm.datasets.pydocs.dataset import PyDocs

__all__ = ["PyDocs"]

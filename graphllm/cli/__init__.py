"""The command line: one verb a system."""

from graphllm.cli.main import main

__all__ = ["main"]

"""The test kit: contract checkers, fake language models, tiny graphs."""

from graphllm.testing.graphs import sbm_text_graph, tiny_text_graph

__all__ = [
    "sbm_text_graph",
    "tiny_text_graph",
]

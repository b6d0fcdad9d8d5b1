"""The test kit: contract checkers, fake language models, tiny graphs."""

from graphllm.testing.graphs import sbm_text_graph, tiny_text_graph
from graphllm.testing.llm import ScriptedLLM, assert_llm
from graphllm.testing.selectors import assert_selector, permute_nodes
from graphllm.testing.servers import FaultServer
from graphllm.testing.sparsifiers import assert_sparsifier

__all__ = [
    "FaultServer",
    "ScriptedLLM",
    "assert_llm",
    "assert_selector",
    "assert_sparsifier",
    "permute_nodes",
    "sbm_text_graph",
    "tiny_text_graph",
]

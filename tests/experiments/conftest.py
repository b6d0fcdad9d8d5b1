import pytest
import torch

from graphllm.testing import ScriptedLLM, sbm_text_graph
from graphllm.testing.graphs import WORDS

VOCABULARY = [word for words in WORDS.values() for word in words]


def word_counts(texts):
    rows = [[float(text.split().count(w)) for w in VOCABULARY] for text in texts]
    rows = torch.tensor(rows).view(-1, len(VOCABULARY))
    return torch.nn.functional.normalize(rows + 1e-3, dim=-1)


@pytest.fixture
def encode():
    """Counts of the words that the graphs are made of."""
    return word_counts


@pytest.fixture
def small_graph():
    """Ninety nodes, few edges, hardly a word on topic."""
    data = sbm_text_graph(90, 0.08, 0.02, word_noise=0.8, words_per_node=3, seed=1)
    data.name = "sbm"
    return data


@pytest.fixture
def knowing(small_graph):
    """A model that names the topical words of the node it is asked about."""

    def answer(request):
        words = WORDS[small_graph.label_names[int(small_graph.y[request.node])]]
        return (", " if "keywords" in request.template else " ").join(words)

    return ScriptedLLM(answer)

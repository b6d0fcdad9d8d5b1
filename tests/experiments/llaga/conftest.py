from dataclasses import replace
from functools import partial

import pytest
import torch

from graphllm.experiments import same_features, same_features_links
from graphllm.experiments.ellagnn import Training
from graphllm.experiments.llaga import (
    LanguageModel,
    LLaGATraining,
    links,
    nodes,
    transfer_arms,
)
from graphllm.testing import sbm_text_graph
from graphllm.testing.graphs import WORDS
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm

VOCABULARY = [word for words in WORDS.values() for word in words]


def word_counts(texts):
    rows = [[float(text.split().count(w)) for w in VOCABULARY] for text in texts]
    return torch.nn.functional.normalize(torch.tensor(rows) + 1e-3, dim=-1)


def planted(num_nodes=75, seed=1, names="abc", **options):
    """A node's own words say little about its class, those of its neighbours much."""
    settings = {"p_in": 0.4, "p_out": 0.01, "word_noise": 0.8, "words_per_node": 3}
    data = sbm_text_graph(num_nodes, **{**settings, **options}, seed=seed)
    # One token each, so that a random language model can be made to say any.
    data.label_names = list(names)
    data.name = f"planted{seed}"
    return data


@pytest.fixture(scope="session")
def llm():
    tokenizer = byte_tokenizer()
    return LanguageModel(tiny_llm("gpt2", tokenizer), tokenizer, "tiny")


@pytest.fixture(scope="session")
def plant():
    return planted


@pytest.fixture
def graph():
    return planted()


@pytest.fixture(scope="session")
def encode():
    return word_counts


@pytest.fixture
def x(graph):
    return word_counts(graph.text)


@pytest.fixture
def brief_gnns(monkeypatch):
    """Controls that are trained for a few epochs only."""
    for module in (nodes, transfer_arms):
        short = partial(same_features.gnn_node, training=Training(epochs=40))
        monkeypatch.setattr(module, "gnn_node", short)
    short = partial(
        same_features_links.gnn_links,
        training=replace(same_features_links.LINK_TRAINING, epochs=40),
    )
    monkeypatch.setattr(links, "gnn_links", short)


@pytest.fixture
def quick():
    return LLaGATraining(
        lr=0.03,
        weight_decay=0.0,
        epochs=3,
        batch_size=8,
        hidden_channels=32,
        dropout=0.0,
        label_smoothing=0.05,
        standardize=True,
    )

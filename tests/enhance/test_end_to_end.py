"""From answers to accuracy: what the model knows must show, and nothing else."""

import json
import random
import re

import pytest
import torch
import torch.nn.functional as F

from graphllm.enhance import Enhancer, JudgeNeighbors
from graphllm.experiments import fit
from graphllm.models import ELLaGNN
from graphllm.selection import RandomSelector
from graphllm.testing import ScriptedLLM, sbm_text_graph
from graphllm.testing.graphs import WORDS

VOCABULARY = [word for words in WORDS.values() for word in words]
GRAPHS = range(4)


def encode(texts):
    rows = [[float(text.split().count(w)) for w in VOCABULARY] for text in texts]
    rows = torch.tensor(rows).view(-1, len(VOCABULARY))
    return F.normalize(rows + 1e-3, dim=-1)


def luck(*key):
    """A number in [0, 1) that depends on the key alone."""
    return random.Random(repr(key)).random()


def accuracy(data, backbone, use_llm):
    torch.manual_seed(0)
    model = ELLaGNN(backbone, len(VOCABULARY), 16, 3, 2, fusion="replace")
    return fit(model, data, {"view": use_llm}, epochs=30).scores["view"].test_acc


def mean(values):
    return sum(values) / len(values)


def knowing(data, p, seed):
    """Says words of the node's topic with probability p, else of any topic."""

    def answer(request):
        label = int(data.y[request.node])
        if luck(seed, request.node) >= p:
            label = int(3 * luck(seed, request.node, 1))
        return " ".join(WORDS[data.label_names[label]])

    return ScriptedLLM(answer)


def noise(seed):
    """Says as many words as the others, of no topic."""

    def answer(request):
        drawn = [int(24 * luck(seed, request.node, i)) for i in range(8)]
        return " ".join(VOCABULARY[i] for i in drawn)

    return ScriptedLLM(answer)


# Guard 9: the gain follows the quality of the answers, and noise gains nothing.
def test_knowledge_lifts_accuracy_and_noise_does_not():
    plain, noisy, informed = [], [], {p: [] for p in (1 / 3, 2 / 3, 1.0)}
    for seed in GRAPHS:
        data = sbm_text_graph(120, 0.1, 0.04, 3, word_noise=0.75, seed=seed)

        def enhance(llm, data=data):
            chosen = RandomSelector(), 1.0
            return Enhancer(llm, ["expand"], encode, *chosen, pool="all").run(data)

        made = enhance(noise(seed))
        plain.append(accuracy(made, "gcn", False))
        noisy.append(accuracy(made, "gcn", True))
        for p, scores in informed.items():
            scores.append(accuracy(enhance(knowing(data, p, seed)), "gcn", True))
    low, middle, high = (mean(scores) for scores in informed.values())
    assert low < middle < high
    assert high > mean(plain) + 0.1
    assert mean(noisy) < mean(plain) + 0.01


def judging(data, p, seed):
    """Tells of each neighbour whether the topic is the same, rightly with p."""

    def answer(request):
        if not request.template.startswith("relevance"):
            return "nothing"
        listed = re.findall(
            r'^(\d+)\. ".* id(\d+)"', request.messages[-1].content, re.M
        )
        named = []
        for number, other in listed:
            same = bool(data.y[request.node] == data.y[int(other)])
            if same == (luck(seed, request.node, int(other)) < p):
                named.append(int(number))
        return json.dumps(named)

    return ScriptedLLM(answer)


# Guard 9, for the neighbourhoods alone: the features stay as they are.
@pytest.mark.parametrize("backbone", ["gcn", "sage"])
def test_a_better_judge_makes_better_neighbourhoods(backbone):
    plain, judged = [], {p: [] for p in (0.5, 0.75, 1.0)}
    for seed in GRAPHS:
        data = sbm_text_graph(120, 0.1, 0.06, 3, word_noise=0.6, seed=seed)
        data.text = [f"{text} id{i}" for i, text in enumerate(data.text)]
        for p, scores in judged.items():
            made = Enhancer(
                judging(data, p, seed),
                ["expand"],
                encode,
                RandomSelector(),
                1.0,
                pool="all",
                answer_weight=0.0,
                neighbors=JudgeNeighbors(num_neighbors=20),
            ).run(data)
            torch.testing.assert_close(made.x_llm, made.x)
            scores.append(accuracy(made, backbone, True))
        plain.append(accuracy(made, backbone, False))
    low, middle, high = (mean(scores) for scores in judged.values())
    assert low < middle < high
    assert high > mean(plain) + 0.1
    assert low < mean(plain) + 0.01

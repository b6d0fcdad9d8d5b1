import math

import pytest
import torch

from graphllm.errors import BudgetError, UnknownNameError
from graphllm.sparsify import GrassmannMixer
from graphllm.sparsify.judged_edges import JudgedEdges
from graphllm.sparsify.mixing import Mixing, Opinion

RANKING = torch.zeros(3)


@pytest.fixture
def graph():
    # Edges into node 0 from 1 and 2, and into node 1 from 0.
    return JudgedEdges(torch.tensor([[1, 2, 0], [0, 0, 1]]), 3)


def opinion(masks=True):
    return Opinion(
        chosen=torch.tensor([[2, 0], [1, 2], [0, 1]]),
        gate=torch.tensor([[0.7, 0.3], [0.6, 0.4], [0.5, 0.5]]),
        margin=torch.tensor([[1.0, -1.0], [-1.0, 2.0], [math.inf, math.inf]]),
        kept=torch.tensor([[1, 0], [0, 1], [1, 1]]).bool(),
        masks=torch.tensor([[0, 1, 1], [1, 0, 0], [1, 1, 1]]).bool() if masks else None,
    )


class Recorder(GrassmannMixer):
    def __init__(self, weight):
        super().__init__()
        self.weight = torch.tensor(weight)
        self.gates = []

    def __call__(self, edge_index, num_nodes, masks, gates, score, nodes=None):
        self.gates.append(gates)
        return self.weight


def test_votes_by_hand(graph):
    weight = Mixing("vote", GrassmannMixer()).weigh(graph, opinion(), RANKING, True)
    torch.testing.assert_close(weight, torch.tensor([0.7, 0.3, 1.0]))


def test_gated_means_by_hand(graph):
    mixing = Mixing("gated_mean", GrassmannMixer())
    weight = mixing.weigh(graph, opinion(), RANKING, True)
    firm = [1 / (1 + math.exp(-1.0)), 1 / (1 + math.exp(-2.0))]
    expected = torch.tensor([0.7 * firm[0], 0.3 * firm[1], 1.0])
    torch.testing.assert_close(weight, expected)


def test_grassmann_is_the_mixers_weight(graph):
    mixer = Recorder([0.5, 0.25, 2.0])
    weight = Mixing("grassmann", mixer).weigh(graph, opinion(), RANKING, True)
    torch.testing.assert_close(weight, mixer.weight)
    expected = torch.tensor([[0.3, 0.0, 0.7], [0.0, 0.6, 0.4], [0.5, 0.5, 0.0]])
    assert torch.equal(mixer.gates[0], expected)
    assert graph.correction is None  # every pass mixes anew: nothing to remember


def test_in_between_the_last_correction_is_added_to_the_vote(graph):
    mixer = Recorder([0.5, 0.25, 2.0])
    mixing = Mixing("grassmann", mixer, interval=2)
    assert mixing.needs_every_expert(graph, training=True)
    mixing.weigh(graph, opinion(), RANKING, True)
    assert not mixing.needs_every_expert(graph, training=True)
    assert mixing.needs_every_expert(graph, training=False)
    other = opinion(masks=False)._replace(kept=torch.ones(3, 2, dtype=torch.bool))
    weight = mixing.weigh(graph, other, RANKING, True)
    # Votes of one each, and 0.5 - 0.7, 0.25 - 0.3, 2 - 1 from before.
    torch.testing.assert_close(weight, torch.tensor([0.8, 0.95, 2.0]))
    assert mixing.needs_every_expert(graph, training=True)
    assert len(mixer.gates) == 1


def test_evaluation_leaves_no_correction(graph):
    mixing = Mixing("grassmann", Recorder([0.5, 0.25, 2.0]), interval=5)
    mixing.weigh(graph, opinion(), RANKING, False)
    assert graph.correction is None


@pytest.mark.parametrize("mix", ["vote", "gated_mean"])
def test_votes_need_no_expert_that_nobody_asked(graph, mix):
    mixing = Mixing(mix, GrassmannMixer())
    assert not mixing.needs_every_expert(graph, training=False)


def test_wrong_arguments_are_refused():
    with pytest.raises(UnknownNameError, match="unknown mix 'mean'"):
        Mixing("mean", GrassmannMixer())
    with pytest.raises(BudgetError, match="'mix_interval' must be 1 or more"):
        Mixing("vote", GrassmannMixer(), 0)

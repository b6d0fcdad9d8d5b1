from copy import copy

import pytest
import torch

from graphllm import ELLaGNN
from graphllm.enhance import Enhancer
from graphllm.errors import BudgetError
from graphllm.experiments import fit
from graphllm.experiments.on_demand import on_demand
from graphllm.selection import Selector
from graphllm.testing import ScriptedLLM


class Unsure(Selector):
    """Least confident first; remembers what it was shown."""

    def __init__(self):
        self.seen = []

    def score(self, data, context):
        self.seen.append(context.probs)
        return -context.probs.max(dim=-1).values


def encode(texts):
    return torch.tensor([[float(len(t)), 1.0 + t.count("e")] for t in texts])


def learn(data, budget=12, every=3, rounds=4, epochs=20, llm=None):
    llm = llm or ScriptedLLM(lambda request: "e" * (request.node + 1))
    selector = Unsure()
    enhancer = Enhancer(llm, ["expand"], encode, selector, budget, pool="all")
    x = encode(data.text)
    graph = copy(data)
    graph.x = x
    torch.manual_seed(0)
    model = ELLaGNN("gcn", 2, 8, 3)
    counts = []
    result = fit(
        model,
        graph,
        {"free": False, "llm": True},
        objective=on_demand(enhancer, x, every=every, rounds=rounds),
        on_step=lambda *_: counts.append(int(getattr(graph, "llm_mask", x).sum())),
        epochs=epochs,
        patience=epochs,
    )
    return graph, result, selector, [0] * every + counts[every:], llm


def test_the_budget_is_spent_in_instalments(sbm):
    graph, result, selector, counts, _ = learn(sbm)
    assert counts == [0] * 3 + [3] * 3 + [6] * 3 + [9] * 3 + [12] * 8
    assert graph.x_llm.shape == (12, 2)
    assert len(selector.seen) == 4
    assert set(result.scores) == {"free", "llm"}


def test_each_round_sees_the_network_as_it_stands(sbm):
    selector = learn(sbm)[2]
    for probs in selector.seen:
        assert probs.shape == (60, 3)
        torch.testing.assert_close(probs.sum(-1), torch.ones(60))
    assert not torch.equal(selector.seen[0], selector.seen[-1])


def test_nodes_once_asked_stay_and_the_total_holds(sbm):
    asked = []

    def answer(request):
        asked.append(request.node)
        return "e" * (request.node + 1)

    graph = learn(sbm, llm=ScriptedLLM(answer))[0]
    # Every node once, without any cache behind the model.
    assert sorted(asked) == graph.llm_index.tolist()
    assert len(asked) == 12


def test_the_same_seed_asks_the_same(sbm):
    one, other = learn(sbm)[0], learn(sbm)[0]
    assert torch.equal(one.llm_index, other.llm_index)


def test_the_callers_graph_is_untouched(sbm):
    learn(sbm)
    assert "x_llm" not in sbm


def test_an_instalment_without_an_answer_leaves_the_nodes_plain(sbm):
    graph, result, *_ = learn(sbm, llm=ScriptedLLM(lambda request: ""))
    assert not bool(graph.llm_mask.any())
    assert len(graph.provenance) == 12
    assert set(result.scores) == {"free", "llm"}


@pytest.mark.parametrize(("every", "rounds"), [(0, 1), (1, 0)])
def test_rounds_must_exist(sbm, every, rounds):
    with pytest.raises(BudgetError, match=">= 1"):
        on_demand(None, None, every=every, rounds=rounds)

import math

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.evaluate import cost_per_corrected, influenced, net_correction
from graphllm.llm import Usage
from graphllm.testing import tiny_text_graph


def test_by_hand():
    y = torch.tensor([0, 0, 1, 1, 2])
    before = torch.tensor([0, 1, 1, 0, 0])
    after = torch.tensor([0, 0, 0, 1, 1])
    mask = torch.tensor([1, 1, 1, 1, 1]).bool()
    found = net_correction(before, after, y, mask, 4)
    assert found == {"nodes": 5, "fixed": 2, "broken": 1, "net": 1, "score": 0.25}
    mask[1] = False
    assert net_correction(before, after, y, mask, 4)["score"] == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_net_is_the_difference_of_right_answers(seed):
    generator = torch.Generator().manual_seed(seed)
    y, before, after = torch.randint(3, (3, 30), generator=generator)
    mask = torch.rand(30, generator=generator) < 0.6
    found = net_correction(before, after, y, mask, 10)
    gained = ((after == y) & mask).sum() - ((before == y) & mask).sum()
    assert found["net"] == int(gained)
    assert found["score"] == pytest.approx(int(gained) / 10)


def test_nobody_was_asked_about():
    y = torch.zeros(2).long()
    found = net_correction(y, y, y, torch.ones(2).bool(), 0)
    assert math.isnan(found["score"])


@pytest.mark.parametrize("num_hops", [0, 1, 2, 3])
def test_influence_follows_the_messages(num_hops):
    data = tiny_text_graph()
    # drop the way back over the bridge: influence has a direction
    keep = ~((data.edge_index[0] == 3) & (data.edge_index[1] == 2))
    edge_index = data.edge_index[:, keep]
    graph = nx.DiGraph(edge_index.t().tolist())
    for start in range(6):
        selected = torch.zeros(6, dtype=torch.bool)
        selected[start] = True
        found = influenced(edge_index, selected, num_hops).nonzero().view(-1)
        near = nx.single_source_shortest_path_length(graph, start, cutoff=num_hops)
        assert sorted(near) == found.tolist()


def test_cost_of_a_corrected_node():
    usage = Usage(calls=20, prompt_tokens=300, completion_tokens=100, cost=2.0)
    assert cost_per_corrected(usage.as_dict(), 4) == {
        "calls": 5,
        "tokens": 100,
        "money": 0.5,
    }


@pytest.mark.parametrize("net", [0, -3])
def test_nothing_corrected_has_no_price(net):
    found = cost_per_corrected(Usage(calls=20).as_dict(), net)
    assert found == {"calls": None, "tokens": None, "money": None}

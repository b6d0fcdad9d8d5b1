import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphllm.enhance import Asker, Enhancer, HybridNeighbors, neighbor_weights
from graphllm.selection import DegreeSelector
from graphllm.testing import ScriptedLLM

# Node 0 and its neighbours 1 to 6 at ever wider angles.
ANGLES = torch.tensor([0.0, 0.1, 0.3, 0.6, 0.9, 1.2, 1.5])
X = torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1).double()
COSINE = ANGLES[1:].cos().double()


def star():
    order = torch.tensor([4, 1, 6, 2, 5, 3])
    return Data(
        edge_index=torch.stack([order, torch.zeros_like(order)]),
        text=[f"node {i}" for i in range(7)],
        num_nodes=7,
    )


def naming(*wanted):
    def answer(request):
        lines = request.messages[-1].content.splitlines()
        numbered = [line.partition(". ") for line in lines if line[:1].isdecimal()]
        told = {f"node {i}" for i in wanted}
        return json.dumps(
            [int(n) for n, _, text in numbered if text.strip('"') in told]
        )

    return ScriptedLLM(answer)


def choose(rule, llm, data=None):
    index = torch.tensor([0])
    data = star() if data is None else data
    return rule(data, X, X[:1], index, Asker(llm))


def kept(chosen, data=None):
    data = star() if data is None else data
    return sorted(data.edge_index[0, chosen.keep_edge].tolist())


def by_source(chosen):
    order = star().edge_index[0].argsort()
    return chosen.edge_weight[order]


def test_the_shortlist_is_shown_most_similar_first():
    llm = naming(3)
    choose(HybridNeighbors(k=2), llm)
    text = llm.calls[0].messages[-1].content
    listed = [line for line in text.splitlines() if line[:1].isdecimal()]
    assert listed == [f'{i}. "node {i}"' for i in range(1, 5)]


@pytest.mark.parametrize(
    ("named", "stay"),
    [([3, 4], [3, 4]), ([4], [1, 4]), ([2, 3, 4], [2, 3]), ([1, 2, 3, 4], [1, 2])],
)
def test_named_first_then_the_most_similar(named, stay):
    chosen = choose(HybridNeighbors(k=2), naming(*named))
    assert kept(chosen) == stay
    assert sorted(chosen.answers[0].chosen) == named


def test_weights_by_hand():
    rule = HybridNeighbors(k=2, temperature=0.5, refused=0.1)
    weight = by_source(choose(rule, naming(3, 4)))
    expected = (COSINE / 0.5).exp() * torch.tensor([0.1, 0.1, 1, 1, 0.1, 0.1])
    torch.testing.assert_close(weight, expected / expected.mean())


def test_nobody_named_is_similarity_with_all_edges():
    chosen = choose(HybridNeighbors(k=2), naming())
    data = star()
    expected = neighbor_weights(data.edge_index, X, X[:1], torch.tensor([0]))
    torch.testing.assert_close(chosen.edge_weight, expected)
    assert bool(chosen.keep_edge.all())


def test_an_unreadable_answer_is_uniform():
    chosen = choose(HybridNeighbors(k=2), ScriptedLLM(lambda r: "well, well"))
    assert bool((chosen.edge_weight == 1).all())
    assert bool(chosen.keep_edge.all())
    assert [answer.ok for answer in chosen.answers] == [False]


def test_few_neighbours_need_no_question():
    llm = naming(1)
    chosen = choose(HybridNeighbors(k=6), llm)
    assert llm.calls == chosen.answers == []
    data = star()
    expected = neighbor_weights(data.edge_index, X, X[:1], torch.tensor([0]))
    torch.testing.assert_close(chosen.edge_weight, expected)
    assert bool(chosen.keep_edge.all())


def test_a_hub_is_bounded_by_its_candidates():
    data = star()
    chosen = choose(HybridNeighbors(k=1, max_candidates=2), naming(*range(1, 7)), data)
    assert len(kept(chosen)) == 1
    # who did not come into question weighs one
    assert int((chosen.edge_weight == 1).sum()) == 4
    torch.testing.assert_close(float(chosen.edge_weight.mean()), 1.0)


def test_loops_stay_and_other_nodes_are_left_alone():
    data = star()
    more = torch.tensor([[0, 0, 5, 3], [0, 3, 3, 0]])
    data.edge_index = torch.cat([data.edge_index, more], dim=1)
    chosen = choose(HybridNeighbors(k=2), naming(3), data)
    assert kept(chosen, data) == [0, 0, 1, 3, 3, 5]
    assert bool(chosen.keep_edge[-4:].all())
    assert chosen.edge_weight[[-4, -3, -2]].tolist() == [1.0] * 3
    into = data.edge_index[1] == 0
    torch.testing.assert_close(float(chosen.edge_weight[into].mean()), 1.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(0, 40), st.integers(1, 3))
def test_any_graph_and_any_judge(seed, num_nodes, num_edges, k):
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(num_nodes, (2, num_edges), generator=generator)
    data = Data(edge_index=edges, text=["some text"] * num_nodes, num_nodes=num_nodes)
    x = torch.randn(num_nodes, 3, generator=generator)
    index = torch.arange(0, num_nodes, 2)
    replies = ["[1]", "[2, 3]", "[]", "what?"]
    llm = ScriptedLLM(lambda r: replies[(r.node + seed) % 4])
    chosen = HybridNeighbors(k=k)(data, x, x[index] + 0.1, index, Asker(llm, seed))
    assert bool((chosen.edge_weight > 0).all())
    plain = ~torch.isin(edges[1], index)
    assert bool((chosen.edge_weight[plain] == 1).all())
    assert bool(chosen.keep_edge[plain].all())
    for node in range(num_nodes):
        into = edges[1] == node
        if not bool(into.any()):
            continue
        assert abs(float(chosen.edge_weight[into].mean()) - 1) < 1e-4
        others = set(edges[0, into].tolist()) - {node}
        stay = set(edges[0, into & chosen.keep_edge].tolist()) - {node}
        assert len(stay) in (len(others), min(k, len(others)))


def test_the_plan_is_an_upper_bound(sbm):
    def encode(texts):
        return torch.tensor([[float(len(t)), t.count("e"), 1.0] for t in texts])

    llm = ScriptedLLM(lambda r: "[1]" if "relevance" in r.template else "galaxy")
    made = Enhancer(
        llm,
        ["expand"],
        encode,
        DegreeSelector(),
        12,
        pool="all",
        neighbors=HybridNeighbors(k=2),
    )
    planned = [q.request for q in made.plan(sbm).questions]
    made.run(sbm)
    length = [
        sorted((r.node, len(r.messages[-1].content)) for r in asked)
        for asked in (planned, llm.calls)
    ]
    assert len(length[0]) == len(length[1]) == 24
    assert all(
        plan[0] == real[0] and plan[1] >= real[1]
        for plan, real in zip(*length, strict=True)
    )
    assert length[0] != length[1]


def test_bad_arguments():
    for options in ({"k": 0}, {"k": 64}, {"k": 3, "max_candidates": 3}):
        with pytest.raises(ValueError, match="'max_candidates' larger than 'k'"):
            HybridNeighbors(**options)
    with pytest.raises(ValueError, match="'temperature' must be positive"):
        HybridNeighbors(temperature=-1)

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import UnknownNameError
from graphllm.selection import DegreeSelector, SelectionContext
from graphllm.testing import assert_selector, sbm_text_graph

CONTEXT = SelectionContext()


def power_law(num_nodes=1000):
    graph = nx.barabasi_albert_graph(num_nodes, 3, seed=0)
    edges = torch.tensor(list(graph.edges)).t()
    mask = torch.ones(num_nodes, dtype=torch.bool)
    both = torch.cat([edges, edges.flip(0)], dim=1)
    return Data(edge_index=both, num_nodes=num_nodes, train_mask=mask)


@pytest.mark.parametrize("order", ["high", "low", "distribution"])
def test_contract(order):
    assert_selector(DegreeSelector(order), equivariant=order != "distribution")


def test_degrees_by_hand():
    # Node 0: out 2 and a self loop (2); node 1: in 2 from the duplicate; node 2: none.
    edge_index = torch.tensor([[0, 0, 0], [1, 1, 0]])
    data = Data(edge_index=edge_index, num_nodes=3)
    assert DegreeSelector().score(data, CONTEXT).tolist() == [4, 2, 0]
    assert DegreeSelector("low").score(data, CONTEXT).tolist() == [-4, -2, 0]


@pytest.mark.parametrize("directed", [True, False])
def test_degrees_against_networkx(directed):
    data = sbm_text_graph()
    if directed:
        data.edge_index = data.edge_index[:, ::2]
    data.edge_index = torch.cat([data.edge_index, data.edge_index[:, :9]], dim=1)
    graph = nx.MultiDiGraph(data.edge_index.t().tolist())
    expected = [graph.degree(i) for i in range(data.num_nodes)]
    assert DegreeSelector().score(data, CONTEXT).tolist() == expected


def test_high_and_low_take_opposite_ends():
    data = power_law()
    degree = torch.bincount(data.edge_index[0])
    assert degree[DegreeSelector("high")(data, 10)].min() >= degree.sort()[0][-10]
    assert degree[DegreeSelector("low")(data, 10)].max() <= degree.sort()[0][9]


@pytest.mark.parametrize("num_nodes", [1000, 997, 23, 7])
def test_a_stratified_draw_takes_the_same_share_of_every_tenth(num_nodes):
    data = power_law(num_nodes)
    # Ties by id, as numpy's stable sort has them too.
    ranked = torch.bincount(data.edge_index[0]).numpy().argsort(kind="stable")
    stratum = torch.empty(num_nodes, dtype=torch.long)
    stratum[torch.from_numpy(ranked)] = torch.arange(num_nodes) * 10 // num_nodes
    size = torch.bincount(stratum, minlength=10)
    select = DegreeSelector("distribution")
    for seed in range(3):
        for count in range(1, num_nodes + 1, max(1, num_nodes // 37)):
            context = SelectionContext(seed=seed)
            chosen = select(data, count, context, pool="all")
            drawn = torch.bincount(stratum[chosen], minlength=10)
            # Up to one node; strata of unequal size can add a fraction.
            assert ((drawn - count / num_nodes * size).abs() < 1.2).all(), (seed, count)


def test_a_stratified_draw_has_the_degrees_of_the_graph():
    data = power_law()
    degree = torch.bincount(data.edge_index[0]).double()
    medians = []
    for seed in range(5):
        chosen = DegreeSelector("distribution")(data, 200, SelectionContext(seed=seed))
        for q in (0.1, 0.5, 0.8):
            drawn, whole = degree[chosen].quantile(q), degree.quantile(q)
            assert abs(drawn - whole) <= 1
        medians.append(degree[DegreeSelector("high")(data, 200)].median())
    assert min(medians) > degree.median() + 1  # "high" would have failed the above


def test_the_seed_moves_a_stratified_draw_and_only_that():
    data = power_law()
    for order, moves in [("high", False), ("low", False), ("distribution", True)]:
        one, two = (
            DegreeSelector(order)(data, 50, SelectionContext(seed=s)) for s in (0, 1)
        )
        assert torch.equal(one, two) is not moves


def test_every_node_of_a_stratum_can_be_drawn():
    data = power_law(100)
    times = torch.zeros(100)
    for seed in range(400):
        chosen = DegreeSelector("distribution")(data, 20, SelectionContext(seed=seed))
        times[chosen] += 1
    # About Binomial(400, 1/5): mean 80, standard deviation 8.
    assert times.min() > 40
    assert times.max() < 120


def test_an_unknown_order_lists_the_choices():
    with pytest.raises(UnknownNameError, match=r"'hihg'.*'high'.*distribution, high"):
        DegreeSelector("hihg")

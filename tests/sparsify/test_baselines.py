from fractions import Fraction
from functools import partial

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import erdos_renyi_graph, from_networkx, is_undirected

from graphllm.errors import TextGraphError
from graphllm.sparsify.baselines import (
    SCAN,
    EffectiveResistance,
    FeatureCosine,
    ForestFire,
    Jaccard,
    LocalDegree,
    LocalSimilarity,
    RandomSparsifier,
)
from graphllm.sparsify.criteria import (
    effective_resistance,
    feature_cosine,
    forest_fire,
    jaccard,
    local_degree,
    local_similarity,
    random_score,
    scan,
)
from graphllm.testing import assert_sparsifier, sbm_text_graph

DETERMINISTIC = [FeatureCosine, Jaccard, LocalDegree, LocalSimilarity, SCAN]
SEEDED = [EffectiveResistance, ForestFire, RandomSparsifier]
EVERY = [*DETERMINISTIC, *SEEDED]


def kept_pairs(sparsifier, graph):
    """Edges that stay, of a networkx graph."""
    data = from_networkx(graph)
    data.x = torch.ones(data.num_nodes, 1)
    sparse = sparsifier.sparsify(data).edge_index
    assert is_undirected(sparse)
    return {tuple(pair) for pair in sparse.t().tolist() if pair[0] < pair[1]}


@pytest.mark.parametrize("make", EVERY)
def test_the_contract(make):
    few = sbm_text_graph(10)
    assert_sparsifier(lambda data: make(0.3), few, local=make in DETERMINISTIC)


@pytest.mark.parametrize("make", EVERY)
def test_the_same_numbers_of_edges(make):
    data = sbm_text_graph(60)
    data.x = torch.randn(60, 8)
    num_pairs = data.num_edges // 2
    for tenths in (1, 3, 5):
        sparse = make(tenths / 10).sparsify(data)
        assert sparse.num_edges == 2 * (num_pairs - -(-tenths * num_pairs // 10))
        assert is_undirected(sparse.edge_index)
    assert make(0.3, kept=42).sparsify(data).num_edges == 42
    degree = data.edge_index[1].bincount(minlength=60)
    few = make(0.9, min_edges=1).sparsify(data)
    left = few.edge_index[1].bincount(minlength=60)
    assert (left >= degree.clamp(max=1)).all()


@pytest.mark.parametrize("make", SEEDED)
def test_the_seed_decides(make):
    data = Data(x=torch.ones(40, 1), edge_index=erdos_renyi_graph(40, 0.3))
    one, same, other = (make(0.5, seed=seed).sparsify(data).e_id for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_random_samples_nest_and_favour_no_edge():
    graph = nx.gnm_random_graph(12, 30, seed=0)
    count = dict.fromkeys(map(tuple, map(sorted, graph.edges)), 0)
    for seed in range(100):
        few = kept_pairs(RandomSparsifier(0.7, seed=seed), graph)
        assert few < kept_pairs(RandomSparsifier(0.4, seed=seed), graph)
        for pair in few:
            count[pair] += 1
    # 30 expected each; four standard deviations of a binomial are 18.
    assert all(12 <= number <= 48 for number in count.values())
    assert sum(count.values()) == 100 * 9


def by_degree(graph, node, other):
    return graph.degree[other]


def by_jaccard(graph, node, other):
    one, two = set(graph[node]), set(graph[other])
    return Fraction(len(one & two), len(one | two))


@pytest.mark.parametrize(
    ("make", "value"), [(LocalDegree, by_degree), (LocalSimilarity, by_jaccard)]
)
def test_local_filters_keep_what_either_end_wants(make, value):
    graph = nx.powerlaw_cluster_graph(60, 4, 0.7, seed=1)
    for exponent in (0.2, 0.45, 0.7):
        wanted = set()
        for node in graph:
            for other in graph[node]:
                mine = value(graph, node, other)
                # Equal neighbours share the best of their ranks.
                rank = 1 + sum(value(graph, node, z) > mine for z in graph[node])
                if rank <= graph.degree[node] ** exponent:
                    wanted.add(tuple(sorted((node, other))))
        assert 0 < len(wanted) < graph.number_of_edges()
        kept = kept_pairs(make(0.0, kept=2 * len(wanted)), graph)
        assert kept == wanted
        # Whatever the exponent, nobody is left alone.
        assert {node for pair in kept for node in pair} == set(graph)


@pytest.mark.parametrize("make", [Jaccard, SCAN, FeatureCosine])
def test_edges_inside_clusters_stay(make):
    graph = nx.connected_caveman_graph(6, 6)
    cluster = [node // 6 for node in graph]
    data = from_networkx(graph)
    data.x = torch.nn.functional.one_hot(torch.tensor(cluster)).float()
    sparse = make(0.0, kept=data.num_edges - 12).sparsify(data)
    labels = torch.tensor(cluster)[sparse.edge_index]
    assert (labels[0] == labels[1]).all()


@pytest.mark.parametrize(
    ("sparsifier", "criterion"),
    [
        (FeatureCosine(0.4), feature_cosine),
        (Jaccard(0.4), jaccard),
        (SCAN(0.4), scan),
        (LocalDegree(0.4), local_degree),
        (LocalSimilarity(0.4), local_similarity),
        (
            ForestFire(0.4, 3, 0.4, 9.0),
            partial(forest_fire, seed=3, burn_probability=0.4, burns_per_edge=9.0),
        ),
        (RandomSparsifier(0.4, 3), partial(random_score, seed=3)),
    ],
)
def test_the_best_edges_of_the_criterion_stay(sparsifier, criterion):
    x, edge_index = torch.randn(50, 4), erdos_renyi_graph(50, 0.2)
    score = criterion(edge_index, 50, x)
    mask = sparsifier(x, edge_index).edge_mask.bool()
    assert score[mask].min() >= score[~mask].max()
    assert score.max() > score.min()


def inclusion(weights, draws):
    """Exact chance of each item in successive draws without replacement."""
    chance = torch.zeros(len(weights), dtype=torch.double)

    def draw(taken, probability):
        if len(taken) == draws:
            chance[list(taken)] += probability
            return
        rest = sum(w for i, w in enumerate(weights) if i not in taken)
        for i, weight in enumerate(weights):
            if i not in taken:
                draw((*taken, i), probability * weight / rest)

    draw((), 1.0)
    return chance


@pytest.mark.parametrize(
    ("method", "draws"), [("exact", 1), ("exact", 3), ("degree", 2)]
)
def test_edges_are_drawn_in_proportion_to_their_resistance(method, draws):
    # A clique of five with a tail of two: resistances of 0.4 and of 1.
    data = from_networkx(nx.lollipop_graph(5, 2))
    data.x = torch.ones(7, 1)
    upper = data.edge_index[0] < data.edge_index[1]
    resistance = effective_resistance(data.edge_index, 7, method=method)[upper]
    expected = inclusion(resistance.tolist(), draws)
    assert expected.max() > 1.4 * expected.min()
    copies, seeds = 100, 20
    batch = Batch.from_data_list([data] * copies)
    count = torch.zeros(12, dtype=torch.double)
    for seed in range(seeds):
        sampler = EffectiveResistance(1 - draws / 12, method, seed)
        mask = sampler(batch.x, batch.edge_index, batch=batch.batch).edge_mask
        drawn = mask.view(copies, -1)[:, upper]
        assert (drawn.sum(1) == draws).all()
        count += drawn.sum(0)
    trials = copies * seeds
    deviation = (trials * expected * (1 - expected)).sqrt()
    assert ((count - trials * expected).abs() < 4 * deviation).all()


def test_cosine_needs_features():
    edge_index = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(TextGraphError, match="'feature_cosine' needs node features"):
        FeatureCosine(0.5).sparsify(Data(edge_index=edge_index, num_nodes=2))

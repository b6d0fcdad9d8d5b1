import math

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import add_self_loops

from graphllm.errors import BudgetError, TextGraphError, UnknownNameError
from graphllm.kernels.row_topk import row_topk
from graphllm.sparsify import MoGSparsifier
from graphllm.testing import assert_sparsifier, permute_nodes, sbm_text_graph

MIXES = ("vote", "gated_mean", "grassmann")


def graph(num_nodes=60, seed=0):
    data = sbm_text_graph(num_nodes, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_nodes, 8, generator=generator)
    return Data(x=x, edge_index=data.edge_index)


def make(seed=0, **kwargs):
    torch.manual_seed(seed)
    net = MoGSparsifier(8, **kwargs)
    # Trained a little, as it were: routes and scores that differ from node to node.
    net.router.weight.data.normal_()
    net.experts.out_weight.data.normal_(std=0.1)
    return net


def kept_of(net, data):
    return net.eval()(data.x, data.edge_index).edge_mask > 0.5


# -------------------------------------------------------------------- contract


@pytest.mark.parametrize(
    "options",
    [
        {"mix": "vote"},
        {"mix": "grassmann", "sparsity": 0.3},
        pytest.param({"mix": "grassmann"}, marks=pytest.mark.slow),
        pytest.param({"mix": "gated_mean", "min_edges": 0}, marks=pytest.mark.slow),
        pytest.param({"mix": "vote", "symmetric": "mean"}, marks=pytest.mark.slow),
        pytest.param({"symmetric": "union", "sparsity": 0.5}, marks=pytest.mark.slow),
    ],
)
def test_contract(options):
    assert_sparsifier(lambda _: make(**options), local="sparsity" not in options)


# --------------------------------------------------------------------- verdict


def by_hand(net, data, prior):
    """The verdict node by node and edge by edge, from gates and scores alone."""
    net.eval()
    gates = net.router(data.x).tolist()
    score = net.experts(data.x, data.edge_index, prior).tolist()
    levels = net.experts.sparsities
    kept = [False] * data.num_edges
    for node in range(data.num_nodes):
        edges = [e for e, i in enumerate(data.edge_index[1].tolist()) if i == node]
        chosen = [m for m, gate in enumerate(gates[node]) if gate > 0]
        if not edges:
            continue
        weight = dict.fromkeys(edges, 0.0)
        for m in chosen:
            order = sorted(edges, key=lambda e, m=m: -score[e][m])
            removed = math.ceil(levels[m % len(levels)] * len(edges) - 1e-6)
            count = max(1, len(edges) - removed)
            last = score[order[count - 1]][m]
            first = score[order[count]][m] if count < len(edges) else -math.inf
            for rank, edge in enumerate(order):
                margin = score[edge][m] - (last + first) / 2
                firmness = 1 / (1 + math.exp(-margin)) if margin < math.inf else 1.0
                keeps = rank < count
                vote = firmness if net.mixing.mix == "gated_mean" else 1.0
                weight[edge] += gates[node][m] * (vote * keeps + 1e-3 * firmness)
        share = sum(levels[m % len(levels)] for m in chosen) / len(chosen)
        count = max(1, len(edges) - math.ceil(share * len(edges) - 1e-6))
        for edge in sorted(edges, key=lambda e: -weight[e])[:count]:
            kept[edge] = True
    return torch.tensor(kept)


@pytest.mark.parametrize("mix", ["vote", "gated_mean"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_verdicts_node_by_node(mix, k):
    data = graph()
    net = make(mix=mix, k=k)
    prior = torch.randn(data.num_edges, 3, generator=torch.Generator().manual_seed(1))
    kept = net.eval()(data.x, data.edge_index, edge_prior=prior).edge_mask > 0.5
    with torch.no_grad():
        assert torch.equal(kept, by_hand(net, data, prior))
    assert 0.4 < float(kept.float().mean()) < 0.9


def test_grassmann_keeps_the_heaviest_edges_of_the_mixer(monkeypatch):
    data = graph()
    net = make(mix="grassmann", sparsities=(0.5,), k=1)
    weight = torch.rand(data.num_edges, generator=torch.Generator().manual_seed(2))
    seen = {}

    def mixer(edge_index, num_nodes, masks, gates, score):
        seen.update(masks=masks, gates=gates, score=score)
        return 10.0 * weight

    net.mixing.mixer = mixer
    kept = kept_of(net, data)
    degrees = torch.bincount(data.edge_index[1], minlength=60)
    budget = (degrees - (degrees + 1) // 2).clamp(min=1).minimum(degrees)
    assert torch.equal(kept, row_topk(weight, data.edge_index[1], budget))
    # Every expert has its say on every edge: egos hold edges of neighbours.
    assert seen["masks"].shape == (data.num_edges, 3)
    per_node = torch.zeros(60, 3, dtype=torch.long)
    per_node.index_add_(0, data.edge_index[1], seen["masks"].long())
    assert torch.equal(per_node, budget.view(-1, 1).expand(60, 3))
    assert torch.equal(seen["gates"].sum(dim=1), torch.ones(60))


def test_at_first_an_expert_is_its_criterion():
    data = graph()
    torch.manual_seed(0)
    score = torch.randperm(data.num_edges).float()
    net = MoGSparsifier(8, [lambda *_: score], [0.4], k=1, mix="vote")
    kept = kept_of(net, data)
    degrees = torch.bincount(data.edge_index[1], minlength=60)
    budget = degrees - torch.ceil(0.4 * degrees - 1e-6).long()
    budget = budget.maximum(degrees.clamp(max=1))
    expected = row_topk(score, data.edge_index[1], budget)
    assert int(kept.sum()) == int(expected.sum())
    assert float((kept == expected).float().mean()) > 0.97


def test_the_temperature_changes_no_verdict():
    data = graph()
    net = make(mix="gated_mean")
    warm = kept_of(net, data)
    net.temperature = 0.05
    assert torch.equal(kept_of(net, data), warm)


# --------------------------------------------------------------------- budgets


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.55])
def test_totals_are_met_exactly(mix, sparsity):
    data = graph()
    loops = add_self_loops(data.edge_index, num_nodes=60)[0]
    net = make(mix=mix, sparsity=sparsity)
    goal = round((1 - sparsity) * data.num_edges)
    for training in (True, False):
        mask = net.train(training)(data.x, loops).edge_mask.detach()
        assert int(mask.sum()) == goal + 60
        assert bool((mask[loops[0] == loops[1]] == 1).all())


def test_loops_change_nothing_for_the_others():
    data = graph()
    loops = add_self_loops(data.edge_index, num_nodes=60)[0]
    prior = torch.randn(data.num_edges, 3, generator=torch.Generator().manual_seed(1))
    more = torch.cat([prior, torch.full((60, 3), 9.0)])
    for mix in MIXES:
        net = make(mix=mix).eval()
        alone = net(data.x, data.edge_index, edge_prior=prior).edge_mask
        among = net(data.x, loops, edge_prior=more).edge_mask
        assert torch.equal(among[: data.num_edges], alone)


def test_every_node_keeps_its_least_edges():
    data = graph()
    degrees = torch.bincount(data.edge_index[1], minlength=60)
    for min_edges in (0, 1, 3):
        for options in ({}, {"symmetric": "intersection"}, {"sparsity": 0.95}):
            net = make(
                sparsities=(0.9, 1.0), mix="vote", min_edges=min_edges, **options
            )
            kept = kept_of(net, data)
            left = torch.bincount(data.edge_index[1][kept], minlength=60)
            assert bool((left >= degrees.clamp(max=min_edges)).all())
            if min_edges == 0:
                assert int((left == 0).sum()) > 0
    # 0.95 cannot be met with three edges a node, and is met as nearly as it can be.
    net = make(mix="vote", min_edges=3, sparsity=0.95)
    assert int(kept_of(net, data).sum()) == int(degrees.clamp(max=3).sum())


@pytest.mark.parametrize("kind", ["union", "intersection", "mean"])
def test_both_directions_of_an_edge_agree(kind):
    data = graph()
    source, target = data.edge_index.tolist()
    alone = kept_of(make(mix="vote"), data)
    for sparsity in (None, 0.3):
        net = make(mix="vote", symmetric=kind, sparsity=sparsity)
        kept = kept_of(net, data)
        verdict = dict(
            zip(zip(source, target, strict=True), kept.tolist(), strict=True)
        )
        assert all(verdict[u, v] == verdict[v, u] for u, v in verdict)
        if sparsity is not None:
            assert abs(int(kept.sum()) - round(0.7 * data.num_edges)) <= 2
        elif kind == "union":
            assert bool((kept >= alone).all())
            assert int(kept.sum()) > int(alone.sum())
        elif kind == "intersection":
            assert int(kept.sum()) < int(alone.sum())


# ------------------------------------------------------------------- gradients


@pytest.mark.parametrize("mix", MIXES)
def test_gradients_reach_router_and_every_selected_expert(mix):
    data = graph()
    net = make(mix=mix, k=3)
    mask, aux = net(data.x, data.edge_index)
    asked = net.router.load.detach() > 1.0
    (mask * torch.randn(data.num_edges)).sum().backward()
    assert float(aux.detach()) > 0
    assert int(asked.sum()) == 9
    for weight in (net.router.weight, net.router.noise_weight):
        assert bool((weight.grad.abs().sum(dim=0) > 0).all())
    assert bool((net.experts.out_weight.grad.abs().sum(dim=1) > 0).all())
    assert bool((net.experts.prior_scale.grad != 0).all())
    assert all(bool(p.grad.isfinite().all()) for p in net.parameters())


def test_experts_that_nobody_asks_get_no_gradient():
    data = graph()
    net = make(mix="vote", k=2)
    net.router.weight.data.zero_()
    net.router.noise_weight.data.fill_(-1.0)
    data.x = data.x.abs() + 5.0  # hardly any noise is left
    net.router.weight.data[:, [2, 7]] = 1.0
    mask, _ = net(data.x, data.edge_index)
    (mask * torch.randn(data.num_edges)).sum().backward()
    reached = net.experts.out_weight.grad.abs().sum(dim=1) > 0
    assert reached.nonzero().view(-1).tolist() == [2, 7]


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_the_gradient_is_that_of_the_soft_vote(temperature):
    data = graph(30)
    net = make(mix="vote", k=2, temperature=temperature)
    direction = torch.randn(data.num_edges)
    prior = torch.randn(data.num_edges, 3)
    torch.manual_seed(4)
    mask, _ = net(data.x, data.edge_index, edge_prior=prior)
    (mask * direction).sum().backward()
    found = net.experts.out_weight.grad.clone(), net.router.weight.grad.clone()
    net.zero_grad()

    torch.manual_seed(4)
    gates = net.router(data.x)
    score = net.experts(data.x, data.edge_index, prior)
    target = data.edge_index[1]
    soft = 0.0
    for m in range(9):
        line = torch.full((30,), -math.inf)
        for node in range(30):
            row = score[target == node, m].detach().sort(descending=True).values
            d = row.numel()
            count = max(min(1, d), d - math.ceil((0.1, 0.3, 0.5)[m % 3] * d - 1e-6))
            if count < d:
                line[node] = (row[count - 1] + row[count]) / 2
        firmness = torch.sigmoid((score[:, m] - line[target]) / temperature)
        soft = soft + gates[target, m] * firmness
    (soft * direction).sum().backward()
    torch.testing.assert_close(
        found[0], net.experts.out_weight.grad, atol=1e-5, rtol=1e-3
    )
    torch.testing.assert_close(found[1], net.router.weight.grad, atol=1e-5, rtol=1e-3)


def test_evaluation_has_neither_gradient_nor_loss():
    data = graph()
    mask, aux = make(mix="vote").eval()(data.x, data.edge_index)
    assert not mask.requires_grad
    assert float(aux) == 0.0


# ----------------------------------------------------------------- invariances


@pytest.mark.parametrize("mix", MIXES)
def test_noise_is_drawn_in_training_only(mix):
    data = graph()
    net = make(mix=mix)
    torch.manual_seed(1)
    masks = [net(data.x, data.edge_index).edge_mask for _ in range(2)]
    assert not torch.equal(*masks)
    torch.manual_seed(1)
    assert torch.equal(net(data.x, data.edge_index).edge_mask, masks[0])
    assert torch.equal(kept_of(net, data), kept_of(net, data))


@pytest.mark.parametrize("options", [{}, {"sparsity": 0.3}, {"symmetric": "mean"}])
@pytest.mark.parametrize("mix", MIXES)
def test_renumbering_nodes_and_edges_renumbers_the_mask(mix, options):
    data = graph()
    net = make(mix=mix, **options).eval()
    prior = torch.randn(data.num_edges, 3, generator=torch.Generator().manual_seed(3))
    mask = net(data.x, data.edge_index, edge_prior=prior).edge_mask
    order = torch.randperm(60, generator=torch.Generator().manual_seed(4))
    other = permute_nodes(data, order)
    shuffled = torch.randperm(data.num_edges)
    again = net(other.x, other.edge_index[:, shuffled], edge_prior=prior[shuffled])
    assert torch.equal(again.edge_mask, mask[shuffled])


@pytest.mark.parametrize("mix", MIXES)
def test_batched_graphs_are_pruned_as_alone(mix):
    graphs = [graph(20 + 10 * n, seed=n) for n in range(3)]
    net = make(mix=mix)
    together = net.sparsify(Batch.from_data_list(graphs)).to_data_list()
    for alone, among in zip(graphs, together, strict=True):
        assert torch.equal(net.sparsify(alone).edge_index, among.edge_index)


def test_a_total_is_of_the_whole_batch():
    batch = Batch.from_data_list([graph(20), graph(50)])
    net = make(mix="vote", sparsity=0.4)
    assert net.sparsify(batch).num_edges == round(0.6 * batch.num_edges)


# ---------------------------------------------------------------------- errors


def test_wrong_arguments_are_refused():
    with pytest.raises(UnknownNameError, match=r"unknown mix 'votes'.*'vote'"):
        MoGSparsifier(8, mix="votes")
    with pytest.raises(UnknownNameError, match="unknown symmetric 'both'"):
        MoGSparsifier(8, symmetric="both")
    with pytest.raises(BudgetError, match="'mix_interval' must be 1 or more"):
        MoGSparsifier(8, mix_interval=0)
    with pytest.raises(BudgetError, match=r"\[0, 1\] \(got 30\)"):
        MoGSparsifier(8, sparsity=30)
    with pytest.raises(BudgetError, match="'min_edges'"):
        MoGSparsifier(8, min_edges=-1)
    with pytest.raises(BudgetError, match=r"'k' must be in \[1, 9\] \(got 10\)"):
        MoGSparsifier(8, k=10)
    with pytest.raises(BudgetError, match="no criteria; give at least one"):
        MoGSparsifier(8, criteria=())
    with pytest.raises(BudgetError, match=r"'hidden_channels' .* \(got 0\)"):
        MoGSparsifier(8, hidden_channels=0)
    for temperature in (0.0, math.nan):
        with pytest.raises(BudgetError, match="'temperature' must be above 0"):
            MoGSparsifier(8, temperature=temperature)


def test_graphs_that_do_not_fit_are_refused():
    data, net = graph(), make()
    with pytest.raises(TextGraphError, match=r"'x' must have shape \(num_nodes, 8\)"):
        net(data.x[:, :5], data.edge_index)
    with pytest.raises(TextGraphError, match=r"'edge_index' must have shape \(2, E\)"):
        net(data.x, data.edge_index[0])
    with pytest.raises(TextGraphError, match=r"ids in \[0, 29\]"):
        net(data.x[:30], data.edge_index)
    with pytest.raises(TextGraphError, match="'edge_prior' must have shape"):
        net(data.x, data.edge_index, edge_prior=torch.zeros(data.num_edges, 2))
    with pytest.raises(TextGraphError, match="not numbers"):
        net(data.x * math.nan, data.edge_index)

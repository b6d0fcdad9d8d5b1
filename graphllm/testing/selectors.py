"""The contract of a selector, as a check that anyone can run on their own."""

import random
from copy import copy

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import BudgetError
from graphllm.selection import Pool, SelectionContext, Selector, candidate_nodes
from graphllm.testing.graphs import sbm_text_graph

SEED = 3
NUM_FEATURES = 8
POOLS: tuple[Pool, ...] = ("train", "train+neighbors", "all")


def assert_selector(
    selector: Selector, data: Data | None = None, *, equivariant: bool = True
) -> None:
    """Check everything that :class:`graphllm.selection.Selector` promises.

    Scores are floating, finite, one a node, the same in each run whatever the state
    of the global random generators, and blind to labels outside the training mask.
    Chosen ids are sorted, unique, in the pool, as many as the budget says, and those
    of a small budget lie in those of a larger one. Budgets out of range are refused.
    All of it holds on a graph without edges, with isolated nodes, with duplicated
    edges and with directed edges, and the graph given is left as it was.

    Args:
        selector (Selector): The selector.
        data (Data, optional): A text graph with labels and ``train_mask``; features
            are made up where it has none. (default: a small random graph)
        equivariant (bool, optional): Whether renumbering the nodes has to renumber
            the scores; not so where scores are drawn at random by node id.
            (default: :obj:`True`)

    Raises:
        AssertionError: If a promise is broken; the message names it.
    """
    data = copy(sbm_text_graph() if data is None else data)
    if data.x is None:
        data.x = _features(data)
    for case, graph in _variants(data).items():
        _check_scores(selector, graph, case)
        for pool in POOLS:
            _check_budgets(selector, graph, pool, case)
        if equivariant:
            _check_equivariance(selector, graph, case)
    _check_labels_unread(selector, data)


def permute_nodes(data: Data, order: Tensor) -> Data:
    """The same graph with its nodes renumbered.

    Args:
        data (Data): The graph.
        order (Tensor): A permutation of shape :math:`(|V|)`; new node ``i`` is old
            node ``order[i]``.

    Returns:
        Data: A copy with everything that belongs to nodes in the new order.
    """
    result = copy(data)
    result.edge_index = torch.argsort(order)[data.edge_index]
    for key in set(data.node_attrs()) - {"label_names"}:
        value = data[key]
        if isinstance(value, Tensor):
            result[key] = value[order]
        else:
            result[key] = [value[i] for i in order.tolist()]
    return result


def _context(data: Data) -> SelectionContext:
    num_classes = len(getattr(data, "label_names", None) or ("a", "b", "c"))
    return SelectionContext(features=data.x, num_classes=num_classes, seed=SEED)


def _random_state() -> tuple[bytes, str, object]:
    torch_state = torch.get_rng_state().numpy().tobytes()
    return torch_state, str(np.random.get_state()), random.getstate()


def _features(data: Data) -> Tensor:
    # Clear clusters: a clustering of them does not depend on the node numbering.
    generator = torch.Generator().manual_seed(SEED)
    labels = torch.arange(data.num_nodes) if data.y is None else data.y
    group = labels.clamp(min=0) % NUM_FEATURES
    noise = torch.randn(data.num_nodes, NUM_FEATURES, generator=generator)
    return 100 * torch.eye(NUM_FEATURES)[group] + noise


def _variants(data: Data) -> dict[str, Data]:
    source, target = data.edge_index
    edges = {
        "as given": data.edge_index,
        "without edges": data.edge_index[:, :0],
        "isolated nodes": data.edge_index[:, (source % 3 > 0) & (target % 3 > 0)],
        "duplicated edges": data.edge_index.repeat(1, 2)[:, source.numel() // 2 :],
        "directed": data.edge_index[:, source < target],
    }
    graphs = {}
    for case, edge_index in edges.items():
        graphs[case] = copy(data)
        graphs[case].edge_index = edge_index
    return graphs


def _check_scores(selector: Selector, data: Data, case: str) -> None:
    before, text = data.edge_index.clone(), list(data.text)
    context = _context(data)
    state = _random_state()
    score = selector.score(data, context)
    assert score.shape == (data.num_nodes,), (
        f"{case}: scores have shape {tuple(score.shape)}, not ({data.num_nodes},)"
    )
    assert score.is_floating_point(), f"{case}: scores are {score.dtype}, not floating"
    assert bool(torch.isfinite(score).all()), f"{case}: scores are not all finite"
    assert _random_state() == state, (
        f"{case}: a global random generator was used; take context.seed"
    )
    assert torch.equal(score, selector.score(data, context)), (
        f"{case}: a second call gives other scores"
    )
    assert torch.equal(data.edge_index, before), f"{case}: the edges were changed"
    assert data.text == text, f"{case}: the text was changed"


def _check_budgets(selector: Selector, data: Data, pool: Pool, case: str) -> None:
    context = _context(data)
    selector = _remembering(selector)
    candidates = candidate_nodes(data, pool)
    num = candidates.numel()
    where = f"{case}, pool '{pool}'"
    budgets = {1, 2, num // 3, num // 2, num - 1, num} & set(range(1, num + 1))
    previous: set[int] = set()
    for budget in sorted(budgets):
        chosen = selector(data, budget, context, pool=pool)
        ids = chosen.tolist()
        assert chosen.dtype == torch.long, f"{where}: ids are {chosen.dtype}"
        assert len(ids) == budget, f"{where}: {len(ids)} ids at a budget of {budget}"
        assert ids == sorted(set(ids)), f"{where}: ids are not ascending and unique"
        assert set(ids) <= set(candidates.tolist()), f"{where}: ids outside the pool"
        assert previous <= set(ids), f"{where}: budget {budget} dropped chosen nodes"
        previous = set(ids)
    share = selector(data, 1.0, context, pool=pool)
    assert torch.equal(share, candidates), f"{where}: the share 1.0 is not the pool"
    assert selector(data, 1e-9, context, pool=pool).numel() == 1, (
        f"{where}: a tiny share gives no node"
    )
    for wrong in (0, -1, num + 1, 0.0, -0.1, 1.1, float("nan"), True):
        assert _refused(selector, data, wrong, context, pool), (
            f"{where}: a budget of {wrong} is not refused with a BudgetError"
        )


def _remembering(selector: Selector) -> Selector:
    # Scores are known to be the same each time, and some take a training.
    last: list[Tensor] = []

    def score(data: Data, context: SelectionContext) -> Tensor:
        if not last:
            last.append(type(selector).score(selector, data, context))
        return last[0]

    remembering = copy(selector)
    vars(remembering)["score"] = score
    return remembering


def _refused(
    selector: Selector,
    data: Data,
    budget: float,
    context: SelectionContext,
    pool: Pool,
) -> bool:
    try:
        selector(data, budget, context, pool=pool)
    except BudgetError:
        return True
    return False


def _check_equivariance(selector: Selector, data: Data, case: str) -> None:
    order = torch.randperm(
        data.num_nodes, generator=torch.Generator().manual_seed(SEED)
    )
    renumbered = permute_nodes(data, order)
    expected = selector.score(data, _context(data))[order]
    score = selector.score(renumbered, _context(renumbered))
    assert torch.allclose(score, expected, rtol=1e-4, atol=1e-9), (
        f"{case}: renumbering the nodes changes their scores"
    )


def _check_labels_unread(selector: Selector, data: Data) -> None:
    if data.y is None:
        return
    context = _context(data)
    expected = selector.score(data, context)
    # Unknown, as in a data set; and what no model could have been trained on.
    for poison in (0, -1, 10**6):
        hidden = copy(data)
        hidden.y = torch.where(data.train_mask, data.y, poison)
        assert torch.equal(expected, selector.score(hidden, context)), (
            f"labels outside the training mask change the scores (poison {poison})"
        )

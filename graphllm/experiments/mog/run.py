"""The MoG experiment: every way to thin a graph, every sparsity, every seed."""

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.evaluate import Result
from graphllm.experiments.bare_graph import bare_graph
from graphllm.experiments.ellagnn import Progress, Training
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.mog.arms import (
    BASELINES,
    DENSE,
    MIX_ARMS,
    REFIT,
    Joint,
)
from graphllm.experiments.mog.measures import connectivity, homophily, inference_ms
from graphllm.experiments.mog.plan import CRITERIA, Plan
from graphllm.experiments.mog.record import Seed, as_result
from graphllm.experiments.mog.trained import (
    Trained,
    WarmNetwork,
    train_alone,
    train_jointly,
    train_on,
    train_scored,
)
from graphllm.experiments.progress import counted, part_of
from graphllm.sparsify.mixing import Mix


def run_mog(
    data: Data,
    *,
    x: Tensor | None = None,
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    training: Training | None = None,
    sparsities: Sequence[float] = (0.1, 0.3, 0.5),
    criteria: Sequence[str] = CRITERIA,
    baselines: Sequence[str] = BASELINES,
    mixes: Sequence[Mix] = ("grassmann", "vote"),
    k: int = 2,
    interval: int = 5,
    singles: bool = False,
    refit: bool = True,
    balance: float = 0.0,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Result:
    """MoG, its controls and other sparsifiers on one graph, at several sparsities.

    For each seed the arm ``dense``, and at each sparsity ``s`` an arm ``NAME@s`` for
    every way to thin the graph; see :obj:`graphllm.experiments.mog.arms.NOTES`. All
    start from one network, trained on the whole graph, and learn on for half as many
    epochs on what they keep, ``dense`` on everything: differences are paired, and due
    to the edges. Only ``mog_refit`` starts afresh. All arms
    of a seed keep as many edges at a sparsity, one less where only whole undirected
    edges go and their number is odd. Speed is measured
    after the trainings of a seed: one network, all its graphs taking turns.

    Args:
        data (Data): A graph with labels; text plays no part.
        x (Tensor, optional): Features, :math:`(|V|, F)`; ``data.x`` when not given.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split and initialisation.
        training (Training, optional): Network and optimisation, on the whole graph.
            (default: two layers of GraphSAGE, see :class:`Training`)
        sparsities (Sequence[float], optional): Shares of the edges removed.
            (default: :obj:`(0.1, 0.3, 0.5)`)
        criteria (Sequence[str], optional): Edge criteria of MoG.
            (default: degree, jaccard, effective_resistance, gradient and agreement)
        baselines (Sequence[str], optional): Other ways to thin the graph.
            (default: all there are)
        mixes (Sequence[str], optional): Ways to mix MoG's experts; the first one sets
            how many edges are kept, and ``mog_refit`` learns on its graph.
            (default: :obj:`("grassmann", "vote")`)
        k (int, optional): Experts a node. (default: :obj:`2`)
        interval (int, optional): Steps from one mix to the next, and epochs from one
            validation to the next.
            (default: :obj:`5`)
        singles (bool, optional): Whether each criterion also has an arm of its own.
            (default: :obj:`False`)
        refit (bool, optional): Whether there is ``mog_refit``.
            (default: :obj:`True`)
        balance (float, optional): See :class:`~graphllm.experiments.mog.plan.Plan`.
            (default: :obj:`0.0`)
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms with ``test_acc``, ``val_acc``, ``epoch``, ``kept`` (share of the
        edges), ``components``, ``isolated``, ``homophily``, ``gnn_ms`` and
        ``sparsify_ms`` a seed; ``details["study"]`` compares them.

    Raises:
        TextGraphError: If the graph has no features, labels or edges.
        GraphLLMError: If the network reads no edges or samples them, or an argument
            is wrong as :class:`~graphllm.experiments.mog.plan.Plan` says.
    """
    training = training or Training()
    shares, names = tuple(sparsities), (tuple(criteria), tuple(baselines), tuple(mixes))
    plan = Plan(shares, *names, k, interval, singles, refit, balance)
    check_inputs(data, training)
    steps = 1 + len(plan.sparsities) * len(plan.families)
    done: list[Seed] = []
    timing = {"train": 0.0, "measure": 0.0}
    for seed in seeds:
        start = time.perf_counter()
        graph = bare_graph(apply_split(data, split, seed), x)
        tick = counted(part_of(progress, len(done), len(seeds)), "train", steps)
        arms = _train_seed(graph, plan, seed, training, ledger, tick)
        middle = time.perf_counter()
        done.append(_measure(graph, arms, seed, training))
        timing["train"] += middle - start
        timing["measure"] += time.perf_counter() - middle
    return as_result(data, split, seeds, done, plan, training, timing)


def check_inputs(data: Data, training: Training) -> None:
    """Refuse a graph or a network that nothing can be learned from.

    Raises:
        TextGraphError: If the graph has no edges.
        GraphLLMError: If the network reads no edges or samples them.
    """
    if not data.num_edges:
        raise TextGraphError("the graph has no edges, so none can be removed")
    if training.backbone == "mlp":
        raise GraphLLMError("backbone 'mlp' reads no edges; choose another one")
    if training.batch_size is not None:
        raise GraphLLMError(
            "this experiment trains on the whole graph (got batch_size="
            f"{training.batch_size}); leave batch_size out"
        )


def _train_seed(
    data: Data,
    plan: Plan,
    seed: int,
    training: Training,
    ledger: Ledger | None,
    tick: Callable[[], None],
) -> dict[str, Trained]:
    """Every arm of one seed, by name."""
    every = torch.arange(int(data.num_edges), device=data.edge_index.device)
    warm = WarmNetwork(data, seed, training)
    arms = {DENSE: train_on(data, every, warm, plan.interval, ledger)}
    tick()
    judged = data.edge_index[0] != data.edge_index[1]
    for sparsity in plan.sparsities:
        found: dict[str, Trained] = {}
        kept = None
        for joint in plan.joint(sparsity):
            trained = train_jointly(data, joint, warm, ledger)
            found[joint.family] = trained
            kept = int(judged[trained.e_id].sum()) if kept is None else kept
            tick()
        if REFIT in plan.families:
            first = found[MIX_ARMS[plan.mixes[0]]]
            found[REFIT] = train_alone(
                data, first.e_id, seed, training, ledger, first.sparsify_ms
            )
            tick()
        for name in plan.baselines:
            if name == "ugs":
                joint = Joint("ugs", sparsity, interval=plan.interval)
                made = train_jointly(data, joint, warm, ledger, kept)
            else:
                made = train_scored(
                    data, name, sparsity, kept, warm, plan.interval, ledger
                )
            found[name] = made
            tick()
        arms |= {f"{name}@{sparsity:g}": found[name] for name in plan.families}
    return arms


def _measure(
    data: Data, arms: dict[str, Trained], seed: int, training: Training
) -> Seed:
    """Connection and speed of the graphs of one seed."""
    graphs = {name: data.edge_index[:, arm.e_id] for name, arm in arms.items()}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = training.network(data.x.size(1), len(data.label_names))
    gnn = network.backbone.to(data.x.device)
    taken = inference_ms(gnn, data.x, graphs)
    metrics = {
        name: {
            "test_acc": arm.score.test_acc,
            "val_acc": arm.score.val_acc,
            "epoch": float(arm.score.epoch),
            "kept": arm.e_id.numel() / int(data.num_edges),
            **connectivity(graphs[name], int(data.num_nodes or 0)),
            "homophily": homophily(graphs[name], data.y),
            "gnn_ms": taken[name],
            "sparsify_ms": arm.sparsify_ms,
        }
        for name, arm in arms.items()
    }
    return Seed(arms, metrics)

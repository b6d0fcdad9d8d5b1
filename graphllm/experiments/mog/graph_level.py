"""MoG on sets of small graphs: every arm at several sparsities."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch_geometric.data import Batch, Data

from graphllm.errors import BudgetError, GraphLLMError
from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.mog.arms import DENSE, MIX_ARMS
from graphllm.experiments.mog.graph_fit import GraphFit, fit_graphs
from graphllm.experiments.mog.graph_sets import PARTS, GraphSet
from graphllm.experiments.mog.graph_training import CRITERIA, GraphTraining
from graphllm.sparsify.baselines import RandomSparsifier
from graphllm.sparsify.mixing import Mix
from graphllm.sparsify.priors import AddEdgePriors

Parts = Mapping[str, list[Data]]
Arms = dict[str, dict[str, list[float]]]


def run_graph_level(
    graphs: GraphSet,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    training: GraphTraining | None = None,
    sparsities: Sequence[float] = (0.1, 0.3, 0.5),
    mixes: Sequence[Mix] = ("grassmann", "vote"),
    k: int = 2,
    progress: Progress | None = None,
) -> Arms:
    """Dense, random and MoG on one set of graphs.

    For each seed the arm ``dense``, and at each sparsity ``s`` the arms ``mog@s`` and
    ``mog_vote@s`` (one a mix) and ``random@s``, all from the same initial parameters
    of the network. The control loses whole undirected edges at random, once, before
    training, and keeps as many as the first mix does in the training, the validation
    and the test graphs, each time at most one direction less. MoG leaves every node
    that has an edge one of those that enter it, the control does not; a sparsity that
    this rules out is not reached, see ``kept``.

    Edge criteria are degree, Jaccard and the exact effective resistance, computed
    once a graph; experts remove half, all and one and a half of the sparsity.

    Args:
        graphs (GraphSet): See :mod:`graphllm.experiments.mog.graph_readers`.
        seeds (Sequence[int], optional): Seeds of initialisation, order and split,
            where there is no official one. (default: :obj:`(0, 1, 2)`)
        training (GraphTraining, optional): Network and optimisation.
            (default: three layers of GIN, see :class:`GraphTraining`)
        sparsities (Sequence[float], optional): Shares of the edges removed.
            (default: :obj:`(0.1, 0.3, 0.5)`)
        mixes (Sequence[str], optional): Ways to mix MoG's experts.
            (default: :obj:`("grassmann", "vote")`)
        k (int, optional): Experts a node. (default: :obj:`2`)
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        dict: Arm to ``test``, ``valid``, ``epoch``, ``kept`` (share of all edges) and
        ``cpu_seconds`` (an epoch), each with one number a seed.

    Raises:
        BudgetError: If a sparsity is not between zero and one.
        GraphLLMError: If there is no mix.
        UnknownNameError: If the network is no GIN or PNA, or there is no such mix.
        DatasetError: If the graphs cannot be split.
    """
    training = training or GraphTraining()
    _check(sparsities, mixes)
    add_priors = AddEdgePriors(CRITERIA)
    with_priors = [add_priors(graph) for graph in graphs.graphs]
    steps = len(seeds) * (1 + len(sparsities) * (len(mixes) + 1))
    found: Arms = {}
    done = 0
    for seed in seeds:
        index = graphs.split(seed)
        parts = {part: [with_priors[i] for i in index[part]] for part in PARTS}
        for arm, fit in _arms(graphs, parts, seed, training, sparsities, mixes, k):
            for name, value in _numbers(fit, parts, training.epochs).items():
                found.setdefault(arm, {}).setdefault(name, []).append(value)
            done += 1
            if progress is not None:
                progress("train", done, steps)
    return found


def _arms(
    graphs: GraphSet,
    parts: Parts,
    seed: int,
    training: GraphTraining,
    sparsities: Sequence[float],
    mixes: Sequence[Mix],
    k: int,
) -> Iterator[tuple[str, GraphFit]]:
    """Name and outcome of every arm of one seed."""
    yield DENSE, _fit(graphs, parts, seed, training)
    for sparsity in sparsities:
        kept: dict[str, int] = {}
        for mix in mixes:
            fit = _fit(graphs, parts, seed, training, sparsity, mix, k)
            kept = kept or fit.kept
            yield f"{MIX_ARMS[mix]}@{sparsity:g}", fit
        thinned = {
            part: thin_at_random(parts[part], kept[part], seed) for part in PARTS
        }
        yield f"random@{sparsity:g}", _fit(graphs, thinned, seed, training)


def thin_at_random(graphs: list[Data], kept: int, seed: int) -> list[Data]:
    """Graphs that have lost undirected edges at random, whichever graph they are in.

    Args:
        graphs (list[Data]): The graphs, which stay as they are.
        kept (int): Columns of their ``edge_index`` to keep in all, besides self-loops;
            one less where undirected edges do not allow it.
        seed (int): Seed of the draw.
    """
    sparsifier = RandomSparsifier(sparsity=0.0, seed=seed, kept=kept)
    return sparsifier.sparsify(Batch.from_data_list(graphs)).to_data_list()


def _fit(
    graphs: GraphSet,
    parts: Parts,
    seed: int,
    training: GraphTraining,
    sparsity: float | None = None,
    mix: Mix = "vote",
    k: int = 2,
) -> GraphFit:
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return fit_graphs(
            training.model(graphs, sparsity, mix, k),
            parts,
            graphs.score,
            lr=training.lr,
            epochs=training.epochs,
            batch_size=training.batch_size,
            warm_up=training.warm_up,
            seed=seed,
        )


def _numbers(fit: GraphFit, parts: Parts, epochs: int) -> dict[str, float]:
    whole = sum(int(graph.num_edges) for part in parts.values() for graph in part)
    return {
        "test": fit.test,
        "valid": fit.valid,
        "epoch": float(fit.epoch),
        "kept": sum(fit.kept.values()) / whole,
        "cpu_seconds": fit.cpu_seconds / epochs,
    }


def _check(sparsities: Sequence[float], mixes: Sequence[Mix]) -> None:
    for sparsity in sparsities:
        if not 0.0 < sparsity < 1.0:
            raise BudgetError(
                "a sparsity is the share removed and must be between 0 and 1 (got "
                f"{sparsity})"
            )
    if not mixes:
        raise GraphLLMError(
            "there is no mix, and random edges are as many as the first one keeps; "
            f"give one of {', '.join(MIX_ARMS)}"
        )

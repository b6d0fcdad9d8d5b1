"""One sparse graph, as MoG leaves it."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.experiments.bare_graph import bare_graph
from graphllm.experiments.ellagnn import Training
from graphllm.experiments.fit import Score
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.mog.plan import Plan
from graphllm.experiments.mog.run import check_inputs
from graphllm.experiments.mog.trained import WarmNetwork, train_jointly
from graphllm.sparsify.base import keep_edges


def thin_graph(
    data: Data,
    plan: Plan,
    *,
    x: Tensor | None = None,
    split: str = "random-20-30-per-class",
    seed: int = 0,
    training: Training | None = None,
    ledger: Ledger | None = None,
) -> tuple[Data, Score]:
    """Train MoG on a graph and keep the edges that it keeps.

    The training of :func:`~graphllm.experiments.mog.run_mog` for the first sparsity
    and the first mix of the plan; with its ledger, nothing is trained twice.

    Args:
        data (Data): A graph with labels.
        plan (Plan): Sparsity, mix, criteria and ``k``.
        x (Tensor, optional): Features, :math:`(|V|, F)`; ``data.x`` when not given.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seed (int, optional): Seed of split, initialisation and noise.
            (default: :obj:`0`)
        training (Training, optional): Network and optimisation.
        ledger (Ledger, optional): Where finished trainings are kept.

    Returns:
        tuple[Data, Score]: A shallow copy of the graph with fewer edges, ``e_id`` and
        ``labels_read`` (training and validation nodes, whose labels chose the edges),
        and the accuracies of the network trained with it.

    Raises:
        GraphLLMError: As :func:`~graphllm.experiments.mog.run_mog`.
    """
    training = training or Training()
    check_inputs(data, training)
    joint = plan.joint(plan.sparsities[0])[0]
    graph = bare_graph(apply_split(data, split, seed), x)
    warm = WarmNetwork(graph, seed, training)
    trained = train_jointly(graph, joint, warm, ledger)
    keep = torch.zeros(int(data.num_edges), dtype=torch.bool)
    keep[trained.e_id] = True
    sparse = keep_edges(data, keep)
    sparse.labels_read = graph.train_mask | graph.val_mask
    return sparse, trained.score

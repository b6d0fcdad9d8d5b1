"""How deep a network can be, with and without a language model's features."""

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import Linear, MessagePassing

from graphllm.evaluate import (
    Result,
    dirichlet_energy,
    environment,
    gradient_flow,
    mean_average_distance,
    summary,
)
from graphllm.experiments.describe import describe_dataset
from graphllm.experiments.ellagnn import (
    Arm,
    Progress,
    Training,
)
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.fit import fit, predict_view
from graphllm.experiments.ledger import Ledger
from graphllm.models import ELLaGNN

DEPTHS = (2, 4, 8, 16, 32, 64)
FLOW_STEPS = 200
Rows = dict[tuple[str, str, int], list[dict[str, Any]]]
# Names beside those of the backbones, and "gcn" with the graph normalised once
# instead of once a layer.
_NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "gcn": ("resgcn", {"residual": False}),
    "gcn_norm": ("resgcn", {"residual": False, "norm": "batch"}),
    "resgcn_norm": ("resgcn", {"norm": "batch"}),
}


def run_depth(
    data: Data,
    enhanced: Data,
    *,
    depths: Sequence[int] = DEPTHS,
    backbones: Sequence[str] = ("gcn", "resgcn", "gcnii"),
    seeds: Sequence[int] = (0, 1, 2),
    split: str = "file",
    training: Training | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Result:
    """Accuracy, gradient flow and smoothing against the number of layers.

    Each backbone is trained at each depth on the plain features and, as E-LLaGNN, on
    the enhanced graph; both start from the same parameters. E-LLaGNN is judged
    LLM-free and with the language model at test time.

    Args:
        data (Data): A text graph with labels and masks.
        enhanced (Data): The same graph as :meth:`graphllm.enhance.Enhancer.run`
            returned it.
        depths (Sequence[int], optional): Numbers of layers.
            (default: 2, 4, 8, 16, 32, 64)
        backbones (Sequence[str], optional): Names of networks, see
            :class:`graphllm.ELLaGNN`; also ``gcn_norm`` and ``resgcn_norm``, with
            batch normalisation. (default: gcn, resgcn, gcnii)
        seeds (Sequence[int], optional): Seeds of the initialisation.
            (default: 0, 1, 2)
        split (str, optional): Name of the split that the masks hold.
            (default: :obj:`"file"`)
        training (Training, optional): Optimisation and width; its backbone and number
            of layers are not used. (default: 64 hidden channels, 200 epochs,
            patience 50)
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms ``{backbone}-{depth}`` and ``ellagnn-{backbone}-{depth}`` with,
        a seed, ``test_acc``, ``val_acc`` and ``epoch``; ``gradient_flow``, the mean
        of :func:`~graphllm.evaluate.gradient_flow` over the first 200 steps (fewer
        where one of plain and E-LLaGNN stopped before); ``dirichlet_energy`` and
        ``mad`` of what the last layer reads, LLM-free at the best epoch; and
        ``llm_at_test_acc`` for E-LLaGNN. ``details["study"]`` is of kind ``"depth"``
        with one row an arm.

    Raises:
        UnknownNameError: If there is no such backbone.
        ValueError: If a depth is below one, or a backbone has no convolutions.
    """
    if not depths or min(depths) < 1:
        raise ValueError(
            f"'depths' must be numbers of layers, 1 or more (got {depths})"
        )
    training = training or Training(hidden_channels=64, epochs=200, patience=50)
    plain = copy(data)
    plain.x = enhanced.x
    if "free_edge_weight" in enhanced:
        plain.free_edge_weight = enhanced.free_edge_weight
    arms = {
        "": Arm(plain, {"free": False}),
        # fit leaves the last view's best parameters in the network.
        "ellagnn-": Arm(enhanced, {"llm": True, "free": False}),
    }
    graphs = {prefix: features_hash(arm.data) for prefix, arm in arms.items()}
    rows: Rows = {}
    cells = list(product(seeds, depths, backbones, arms))
    start = time.perf_counter()
    for done, (seed, depth, backbone, prefix) in enumerate(cells, 1):
        key = Ledger.key(
            **{**asdict(training), "backbone": backbone, "num_layers": depth},
            study="depth",
            seed=seed,
            graph=graphs[prefix],
            views=arms[prefix].views,
        )
        cell = ledger.get(key) if ledger is not None else None
        if cell is None:
            cell = train_deep(arms[prefix], backbone, depth, seed, training)
            if ledger is not None:
                ledger.put(key, cell)
        rows.setdefault((prefix, backbone, depth), []).append(cell)
        if progress is not None:
            progress("train", done, len(cells))
    rows = _same_windows(rows)
    return Result(
        method="ellagnn",
        dataset=describe_dataset(data),
        split=split,
        seeds=list(seeds),
        arms={_arm(*place): _metrics(runs) for place, runs in rows.items()},
        timing={"train": time.perf_counter() - start},
        config={
            **asdict(training),
            "backbone": ", ".join(backbones),
            "num_layers": ", ".join(map(str, depths)),
            "split": split,
            "seeds": list(seeds),
        },
        environment=environment(),
        details={
            "baseline": _arm("", backbones[0], depths[0]),
            "study": {
                "kind": "depth",
                "rows": [_row(*place, runs) for place, runs in rows.items()],
            },
        },
    )


def _same_windows(rows: Rows) -> Rows:
    """Cut gradient flows of plain and E-LLaGNN to the steps that both took.

    Gradients fade as training goes on, and one of the two stops before the other.
    """
    steps: dict[tuple[str, int, int], int] = {}
    for (_, backbone, depth), runs in rows.items():
        for seed, run in enumerate(runs):
            place = backbone, depth, seed
            steps[place] = min(len(run["flow"]), steps.get(place, FLOW_STEPS))
    return {
        (prefix, backbone, depth): [
            {**run, "flow": run["flow"][: steps[backbone, depth, seed]]}
            for seed, run in enumerate(runs)
        ]
        for (prefix, backbone, depth), runs in rows.items()
    }


def train_deep(
    arm: Arm, backbone: str, depth: int, seed: int, training: Training
) -> dict[str, Any]:
    """Train one network of one depth and measure it.

    Args:
        arm (Arm): Graph and views, the last one named ``free``.
        backbone (str): Name of the network.
        depth (int): Number of layers.
        seed (int): Seed of the initial parameters, dropout and drawn views.
        training (Training): Width and optimisation.

    Returns:
        dict: ``scores`` by view, ``flow`` by step, ``dirichlet_energy`` and ``mad``.
    """
    data = arm.data
    flow: list[float] = []

    def read_gradients(model: ELLaGNN, epoch: int) -> None:
        if epoch <= FLOW_STEPS:
            flow.append(float(f"{gradient_flow(model):.4g}"))

    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = deep_network(
            backbone, depth, data.x.size(1), len(data.label_names), training
        )
        result = fit(
            model.to(data.x.device),
            data,
            arm.views,
            lr=training.lr,
            weight_decay=training.weight_decay,
            epochs=training.epochs,
            patience=training.patience,
            on_step=read_gradients,
        )
    hidden = last_hidden(model, data)
    return {
        "scores": {view: asdict(score) for view, score in result.scores.items()},
        "flow": flow,
        "dirichlet_energy": dirichlet_energy(hidden, data.edge_index),
        "mad": mean_average_distance(hidden),
    }


def deep_network(
    backbone: str, depth: int, in_channels: int, out_channels: int, training: Training
) -> ELLaGNN:
    """A freshly initialised network of so many layers.

    Args:
        backbone (str): Name of the network.
        depth (int): Number of layers.
        in_channels (int): Size of each feature vector.
        out_channels (int): Number of classes.
        training (Training): Width, dropout and fusion.

    Returns:
        ELLaGNN: ``gcn`` is computed by :class:`~graphllm.models.resgcn.ResGCN`
        without residuals: the same function, several times faster when deep.
    """
    name, options = _NETWORKS.get(backbone, (backbone, {}))
    return ELLaGNN(
        name,
        in_channels,
        training.hidden_channels,
        out_channels,
        depth,
        fusion=training.fusion,
        dropout=training.dropout,
        **options,
    )


def last_hidden(model: ELLaGNN, data: Data) -> Tensor:
    """What the last layer of a network reads, LLM-free and without dropout.

    Args:
        model (ELLaGNN): The network.
        data (Data): The graph.

    Returns:
        Tensor: :math:`(|V|, F)`.
    """
    convolutions = [
        m for m in model.backbone.modules() if isinstance(m, MessagePassing)
    ]
    inside = {part for conv in convolutions for part in conv.modules()}
    dense = [
        module
        for module in model.backbone.modules()
        if isinstance(module, Linear | nn.Linear) and module not in inside
    ]
    read: list[Tensor] = []

    def keep(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        read[:] = [arguments[0]]

    handles = [m.register_forward_pre_hook(keep) for m in (*convolutions, *dense)]
    try:
        predict_view(model, data, use_llm=False)
    finally:
        for handle in handles:
            handle.remove()
    return read[-1]


def _arm(prefix: str, backbone: str, depth: int) -> str:
    return f"{prefix}{backbone}-{depth}"


def _metrics(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    free = [run["scores"]["free"] for run in runs]
    metrics = {
        "test_acc": summary([score["test_acc"] for score in free]),
        "val_acc": summary([score["val_acc"] for score in free]),
        "epoch": summary([float(score["epoch"]) for score in free]),
        "gradient_flow": summary([sum(r["flow"]) / len(r["flow"]) for r in runs]),
        "dirichlet_energy": summary([run["dirichlet_energy"] for run in runs]),
        "mad": summary([run["mad"] for run in runs]),
    }
    if "llm" in runs[0]["scores"]:
        metrics["llm_at_test_acc"] = summary(
            [run["scores"]["llm"]["test_acc"] for run in runs]
        )
    return metrics


def _row(
    prefix: str, backbone: str, depth: int, runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """One arm as the report reads it: its place in the study, means, one curve."""
    metrics = _metrics(runs)
    return {
        "network": prefix + backbone,
        "backbone": backbone,
        "enhanced": bool(prefix),
        "depth": depth,
        "arm": _arm(prefix, backbone, depth),
        **{name: entry["mean"] for name, entry in metrics.items()},
        "flow_curve": runs[0]["flow"],
    }

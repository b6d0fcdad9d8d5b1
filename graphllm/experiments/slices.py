"""Where the language model helps: slices, corrected nodes and their price."""

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import Enhancer
from graphllm.evaluate import (
    Result,
    cost_per_corrected,
    influenced,
    net_correction,
    node_slices,
    paired_difference,
    slice_accuracy,
    summary,
)
from graphllm.experiments.ellagnn import Arm, Progress, Training, train_arm
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.memo import MemoEncoder
from graphllm.experiments.meter import MeteredLLM
from graphllm.experiments.study import (
    Clock,
    Scores,
    choose_nodes,
    enhance_nodes,
    plain_arm,
    study_result,
)

VIEWS = {"ellagnn": False, "ellagnn_llm_at_test": True}
Rows = list[dict[str, Any]]


def run_slices(
    data: Data,
    enhancer: Enhancer,
    *,
    x: Tensor | None = None,
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    training: Training | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    num_bins: int = 4,
) -> Result:
    """One configuration, looked at node by node.

    The accuracy on test nodes of ``plain``, ``ellagnn`` and ``ellagnn_llm_at_test``
    by local homophily, degree, length of the text and distance from the training
    nodes; and the net correction score of the two against ``plain``, over all test
    nodes, those among them that the language model was asked about, and those with
    such a node in their receptive field.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor, optional): Plain features of the enhancer's encoder,
            :math:`(|V|, F)`; encoded here when not given.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split and initialisation.
        training (Training, optional): Network and optimisation, the same for all.
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).
        num_bins (int, optional): Bins of each property. (default: :obj:`4`)

    Returns:
        Result: Arms ``plain``, ``ellagnn`` and ``ellagnn_llm_at_test``, and
        ``details["study"]`` of kind ``"slices"`` with ``rows`` (see
        :func:`slice_rows`) and ``corrections`` (see :func:`correction_rows`).
    """
    training = training or Training()
    enhancer, memo = copy(enhancer), MemoEncoder(enhancer.encoder)
    enhancer.encoder = memo
    clock = Clock("encode", "select", "enhance", "train")
    x = memo(data.text) if x is None else x
    clock.lap("encode")
    scores: Scores = {}
    cut: list[Rows] = []
    corrected: list[Rows] = []
    first: Data | None = None
    for number, seed in enumerate(seeds):
        graph = apply_split(data, split, seed)
        nodes = choose_nodes(graph, enhancer, x)
        clock.lap("select")
        paying = copy(enhancer)
        paying.llm = meter = MeteredLLM(enhancer.llm)
        enhanced = enhance_nodes(graph, paying, x, nodes, seed, progress)
        clock.lap("enhance")
        predicted: dict[str, Tensor] = {}
        for done, arm in enumerate(
            (plain_arm(graph, x, enhancer), Arm(enhanced, VIEWS)), 1
        ):
            fit = train_arm(arm, seed, training, ledger, keep_predictions=True)
            for view, score in fit.scores.items():
                scores.setdefault(view, []).append(score)
                predicted[view] = torch.tensor(fit.predictions[view]).to(graph.y.device)
            if progress is not None:
                progress("train", 2 * number + done, 2 * len(seeds))
        cut.append(_sliced(graph, predicted, num_bins))
        corrected.append(_corrected(enhanced, predicted, nodes, training.num_layers))
        for row in corrected[-1]:
            row["usage"] = meter.usage_of().as_dict()
        clock.lap("train")
        first = enhanced if first is None else first
    assert first is not None
    study = {
        "kind": "slices",
        "rows": slice_rows(cut),
        "corrections": correction_rows(corrected),
    }
    return study_result(
        *(data, enhancer, first, study),
        scores=scores,
        split=split,
        seeds=seeds,
        training=training,
        timing=clock.seconds,
    )


def slice_rows(seeds: Sequence[Rows]) -> Rows:
    """Slices of every seed, put together; seeds without such nodes are left out.

    Args:
        seeds (Sequence[list[dict]]): Rows of each seed with ``slice``, ``bin``,
            ``view``, ``nodes`` and ``acc``.

    Returns:
        list[dict]: Each with ``nodes`` (mean over all seeds), ``acc`` (mean) and
        ``lift_plain``; bins that are empty on every seed are dropped.
    """
    table: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in (row for rows in seeds for row in rows):
        table.setdefault((row["slice"], row["bin"], row["view"]), []).append(row)
    rows = []
    for (name, title, view), found in table.items():
        # The nodes of a bin are the same in every view: pairs stay pairs.
        base = [r["acc"] for r in table[name, title, "plain"] if r["nodes"]]
        own = [r["acc"] for r in found if r["nodes"]]
        if not own:
            continue
        rows.append(
            {
                "slice": name,
                "bin": title,
                "view": view,
                "nodes": sum(row["nodes"] for row in found) / len(seeds),
                "acc": summary(own)["mean"],
                "lift_plain": paired_difference(own, base) if view != "plain" else None,
            }
        )
    return rows


def correction_rows(seeds: Sequence[Rows]) -> Rows:
    """Corrections of every seed, put together.

    Args:
        seeds (Sequence[list[dict]]): Rows of each seed with ``view``, ``within``,
            the numbers of :func:`~graphllm.evaluate.net_correction` and ``usage``.

    Returns:
        list[dict]: ``view``, ``within``, means of ``nodes``, ``fixed``, ``broken``
        and ``net``, ``score`` (see :func:`~graphllm.evaluate.summary`), and
        ``cost``: what a corrected node cost over all seeds (see
        :func:`~graphllm.evaluate.cost_per_corrected`), cached answers counted as if
        they had been asked.
    """
    rows = []
    for found in zip(*seeds, strict=True):
        usage = {
            key: sum(row["usage"][key] for row in found) for key in found[0]["usage"]
        }
        means = {
            key: sum(row[key] for row in found) / len(found)
            for key in ("nodes", "fixed", "broken", "net")
        }
        rows.append(
            {
                "view": found[0]["view"],
                "within": found[0]["within"],
                **means,
                "score": summary([row["score"] for row in found]),
                "cost": cost_per_corrected(usage, sum(row["net"] for row in found)),
            }
        )
    return rows


def _sliced(data: Data, predicted: dict[str, Tensor], num_bins: int) -> Rows:
    slices = node_slices(data, num_bins)
    return [
        {"view": view.removeprefix("ellagnn_"), **row}
        for view, classes in predicted.items()
        for row in slice_accuracy(classes == data.y, data.test_mask, slices)
    ]


def _corrected(
    data: Data, predicted: dict[str, Tensor], nodes: Tensor, num_layers: int
) -> Rows:
    chosen = torch.zeros_like(data.test_mask)
    chosen[nodes.to(chosen.device)] = True
    reached = influenced(data.edge_index, chosen, num_layers)
    within = {"test": data.test_mask, "selected": chosen, "receptive field": reached}
    return [
        {
            "view": view.removeprefix("ellagnn_"),
            "within": name,
            **net_correction(
                *(predicted["plain"], predicted[view], data.y),
                mask & data.test_mask,
                nodes.numel(),
            ),
        }
        for view in VIEWS
        for name, mask in within.items()
    ]

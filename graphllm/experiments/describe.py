"""What a report shows of an E-LLaGNN run besides accuracies."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch_geometric.data import Data
from torch_geometric.utils import degree

from graphllm.data import graph_fingerprint
from graphllm.enhance import Enhancer
from graphllm.evaluate import summary
from graphllm.experiments.fit import Fit, Score

Metrics = dict[str, dict[str, dict[str, Any]]]

NUM_EXAMPLES = 5


def describe_run(
    data: Data, enhancer: Enhancer, enhanced: Data, fits: dict[str, list[Fit]]
) -> dict[str, Any]:
    """Selection, curves, answers and examples of the first seed.

    Args:
        data (Data): The text graph.
        enhancer (Enhancer): What enhanced it.
        enhanced (Data): What it returned.
        fits (dict[str, list[Fit]]): Trainings of every arm, one a seed.

    Returns:
        dict: The ``details`` of a :class:`~graphllm.evaluate.Result`.
    """
    degrees = degree(data.edge_index[1], data.num_nodes).long()
    curves = {
        name: {
            "train_loss": runs[0].train_loss,
            "val_acc": next(iter(runs[0].val_acc.values())),
        }
        for name, runs in fits.items()
    }
    return {
        "selection": {
            "selector": type(enhancer.selector).__name__,
            "budget": enhancer.budget,
            "pool": enhancer.pool,
            "count": len({answer.node for answer in enhanced.provenance}),
            "selected_degree": degrees[enhanced.llm_index.cpu()].tolist(),
            "all_degree": degrees.tolist() if degrees.numel() <= 20_000 else None,
        },
        "curves": curves,
        "answers": answer_statistics(enhanced),
        "examples": examples(enhanced),
        "llm": {"model": getattr(enhancer.llm, "model", type(enhancer.llm).__name__)},
        "encoder": encoder_name(enhancer.encoder),
    }


def describe_dataset(data: Data) -> dict[str, object]:
    """Name, sizes and fingerprint, as they stand in a result."""
    return {
        "name": getattr(data, "name", "unnamed"),
        "num_nodes": int(data.num_nodes or 0),
        "num_edges": int(data.num_edges),
        "num_classes": len(getattr(data, "label_names", [])),
        "fingerprint": graph_fingerprint(data),
    }


def encoder_name(encoder: object) -> str:
    """The identity that an encoder states, or the name of its class."""
    inner = getattr(encoder, "encoder", encoder)
    return str(getattr(inner, "id", type(inner).__name__))


def answer_statistics(enhanced: Data) -> dict[str, Any]:
    """Counts of the answers, and how close they stay to the nodes' own text.

    Args:
        enhanced (Data): What :meth:`graphllm.enhance.Enhancer.run` returned.

    Returns:
        dict: ``asked``, ``parsed``, ``unparsed``, ``failed``, ``label_mentions``
        (share of the usable answers in words that name a class) and ``cosine_to_text``
        (mean cosine of encoded answers and own texts).
    """
    answers = enhanced.provenance
    usable = [answer for answer in answers if answer.ok]
    names = [name.replace("_", " ").lower() for name in enhanced.label_names]
    worded = [answer for answer in usable if answer.text]
    naming = [a for a in worded if any(name in a.text.lower() for name in names)]
    failed = sum(answer.error is not None for answer in answers)
    cosine = None
    if enhanced.llm_index.numel():
        own = enhanced.x[enhanced.llm_index]
        cosine = float(F.cosine_similarity(own, enhanced.x_answer).mean())
    return {
        "asked": len(answers),
        "parsed": len(usable),
        "unparsed": len(answers) - len(usable) - failed,
        "failed": failed,
        "label_mentions": len(naming) / len(worded) if worded else None,
        "cosine_to_text": cosine,
    }


def examples(enhanced: Data, count: int = NUM_EXAMPLES) -> list[dict[str, Any]]:
    """A few enhanced nodes, spread evenly over the chosen ones."""
    index = enhanced.llm_index.cpu()
    if index.numel() == 0:
        return []
    spread = torch.linspace(0, index.numel() - 1, min(count, index.numel()))
    names = getattr(enhanced, "node_names", None)
    shown = []
    for node in index[spread.round().long()].tolist():
        label = int(enhanced.y[node])
        shown.append(
            {
                "node": node,
                "name": names[node] if names is not None else None,
                "label": enhanced.label_names[label] if label >= 0 else None,
                "text": enhanced.text[node],
                "answers": [
                    {"template": a.template, "raw": a.raw, "ok": a.ok, "text": a.text}
                    for a in enhanced.provenance
                    if a.node == node
                ],
            }
        )
    return shown


def score_metrics(scores: Mapping[str, Sequence[Score]]) -> Metrics:
    """Arms of a :class:`~graphllm.evaluate.Result` from one score a seed."""
    return {
        name: {
            "test_acc": summary([score.test_acc for score in runs]),
            "val_acc": summary([score.val_acc for score in runs]),
            "epoch": summary([float(score.epoch) for score in runs]),
        }
        for name, runs in scores.items()
    }

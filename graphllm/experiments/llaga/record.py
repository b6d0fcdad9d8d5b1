"""From the outcomes of arms and seeds to one result."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch_geometric.data import Data

from graphllm.evaluate import Result, environment, summary
from graphllm.experiments.describe import describe_dataset

Runs = dict[str, list[dict[str, Any]]]

ARM_NOTES = {
    "llaga": "The method: graph tokens in the prompt of a frozen language model.",
    "center_only": (
        "Control for the graph: the same projector and language model, trained with "
        "the node's own vector alone."
    ),
    "gcn": "Baseline: a GCN on the same vectors, no language model.",
    "sage": "GraphSAGE on the same vectors, no language model.",
    "linear_probe": "Logistic regression on the same vectors, without edges.",
    "cosine": "The cosine of the two texts' vectors: no training, no edges.",
    "llm_text_zero_shot": (
        "The same language model reads the node's own text, untrained, no graph."
    ),
    "llm_text_zero_shot_balanced": (
        "The same scores; how much the model likes each answer in general is taken out."
    ),
}


def as_result(
    data: Data,
    split: str,
    seeds: Sequence[int],
    runs: Runs,
    *,
    baseline: str,
    config: dict[str, Any],
    notes: Mapping[str, str] = ARM_NOTES,
    trained: Runs | None = None,
    curve: str = "val_acc",
    details: Mapping[str, Any] | None = None,
) -> Result:
    """Summaries over seeds, curves and explanations of the first seed.

    Args:
        data (Data): The graph.
        split (str): Name of the split.
        seeds (Sequence[int]): Seeds.
        runs (dict): Arm to outcomes, one a seed.
        baseline (str): The arm that others are compared with.
        config (dict): Arguments.
        notes (Mapping, optional): What arms are there for.
        trained (dict, optional): Trainings, one a seed, where several arms come of
            one. (default: the arms that were trained)
        curve (str, optional): Name of the validation measure.
            (default: :obj:`"val_acc"`)
        details (Mapping, optional): What else a report shows.
    """
    arms = {
        arm: {
            name: summary([each["metrics"][name] for each in outcomes])
            for name in outcomes[0]["metrics"]
        }
        for arm, outcomes in runs.items()
    }
    if trained is None:
        trained = {arm: each for arm, each in runs.items() if "train_loss" in each[0]}
    first = {arm: each[0] for arm, each in trained.items()}
    return Result(
        method="llaga",
        dataset=describe_dataset(data),
        split=split,
        seeds=list(seeds),
        arms=arms,
        timing={
            f"train {arm}": sum(each["seconds"] for each in outcomes)
            for arm, outcomes in trained.items()
        },
        config={**config, "split": split, "seeds": list(seeds)},
        environment=environment(),
        details={
            "baseline": baseline if baseline in arms else next(iter(arms)),
            "arm_notes": {arm: notes[arm] for arm in arms if arm in notes},
            "curves": {
                arm: {"train_loss": each["train_loss"], curve: each["val"]}
                for arm, each in first.items()
            },
            "training": {
                arm: {
                    name: each[name]
                    for name in ("epoch", "step", "seconds", "samples_per_s")
                }
                for arm, each in first.items()
            },
            "explanations": with_texts(
                first.get("llaga", {}).get("explanations", []), data
            ),
            "checkpoints": {
                arm: each["checkpoint"]
                for arm, each in first.items()
                if "checkpoint" in each
            },
            **(details or {}),
        },
    )


def with_texts(explained: list[dict[str, Any]], data: Data) -> list[dict[str, Any]]:
    """The explanations with the beginnings of the texts of all nodes in them."""
    told = []
    for each in explained:
        ids = {node for nodes in (each["items"], *each["nodes"]) for node in nodes}
        texts = {str(node): data.text[node][:160] for node in sorted(ids) if node >= 0}
        told.append({**each, "texts": texts})
    return told

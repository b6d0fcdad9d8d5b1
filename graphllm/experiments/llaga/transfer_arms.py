"""All arms of one transfer, for one seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.checks import name_of
from graphllm.experiments.llaga.explanations import explanations
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.measures import class_accuracy, class_metrics
from graphllm.experiments.llaga.nodes import control_outcome
from graphllm.experiments.llaga.questions import (
    Questions,
    node_questions,
    score_questions,
)
from graphllm.experiments.llaga.trained import LanguageModel, new_model, train_model
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.experiments.llaga.zero_shot import (
    majority_metrics,
    text_zero_shot,
    with_balanced,
    zero_shot_metrics,
)
from graphllm.experiments.same_features import gnn_node
from graphllm.graph_tokens import GraphTemplate, NodeTokens
from graphllm.models.llaga import LLaGA
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.graph_prompt import GraphPrompt


@dataclass(frozen=True)
class BoundGraph:
    """A graph with its vectors set, ready to be asked about."""

    data: Data
    domain: str
    prompt: GraphPrompt
    tokens: NodeTokens

    def ask(self, nodes: Tensor) -> Questions:
        """The question of a class, about some of the nodes."""
        return node_questions(self.data, nodes, self.prompt, self.tokens)


@dataclass(frozen=True)
class Setting:
    """What is the same for all graphs of a seed."""

    llm: LanguageModel
    template: GraphTemplate
    training: LLaGATraining
    pad_mode: PadMode
    seed: int
    folder: Path | None
    ledger: Ledger | None
    progress: Progress | None

    def untrained(self, in_channels: int, tasks: tuple[Questions, ...]) -> LLaGA:
        """The model before training on ``tasks``."""
        return new_model(
            *(self.llm, self.template, in_channels, self.training, tasks),
            *(self.pad_mode, self.seed),
        )


def transfer_arms(
    setting: Setting,
    learned: list[BoundGraph],
    held: list[BoundGraph],
    split: str,
    max_eval: int | None,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """All arms of one seed, and the training behind them."""
    graphs = [apply_split(each.data, split, setting.seed) for each in learned]
    parts = {
        name_of(graph): [
            each.ask(mask)
            for mask in (graph.train_mask, graph.val_mask, graph.test_mask)
        ]
        for each, graph in zip(learned, graphs, strict=True)
    }
    models: list[LLaGA] = []
    outcome = _train(setting, graphs, parts, models)
    runs = {f"llaga_{name}": outcome["graphs"][name] for name in parts}
    for graph in graphs:
        control = gnn_node(graph, "gcn", seed=setting.seed, ledger=setting.ledger)
        runs[f"gcn_{name_of(graph)}"] = control_outcome(control)
    tasks = tuple(part[0] for part in parts.values())
    for each in held:
        asked = each.ask(each.data.y >= 0).draw(max_eval, setting.seed)
        name = name_of(each.data)
        shot = _zero_shot(setting, each, asked, tasks, outcome, models)
        runs |= {arm.format(name): {"metrics": shot[arm]} for arm in shot}
        read = text_zero_shot(
            *(each.data, asked.items, setting.llm, each.domain),
            ledger=setting.ledger,
            progress=setting.progress,
        )
        arm = f"text_zero_shot_{name}"
        runs[arm] = with_balanced(arm, {"metrics": read["metrics"]})[arm]
        runs[f"majority_{name}"] = {"metrics": majority_metrics(asked.target)}
    return runs, outcome


def _train(
    setting: Setting,
    graphs: list[Data],
    parts: dict[str, list[Questions]],
    models: list[LLaGA],
) -> dict[str, Any]:
    """The training on all graphs; a model trained now is put into ``models``."""

    def validate(model: LLaGA) -> float:
        found = [
            class_accuracy(score_questions(model, val), val)
            for _, val, _ in parts.values()
        ]
        return sum(found) / len(found)

    def finish(model: LLaGA) -> dict[str, Any]:
        models.append(model)
        told = {}
        for name, (_, val, test) in parts.items():
            scores = score_questions(model, test)
            told[name] = {
                "metrics": class_metrics(
                    score_questions(model, val), val, scores, test
                ),
                "explanations": explanations(model, test, scores),
            }
        return {"graphs": told}

    return train_model(
        *(setting.llm, setting.template, graphs[0].x.size(1)),
        tuple(train for train, _, _ in parts.values()),
        *(setting.training, validate, finish),
        key={
            "task": "transfer",
            "graphs": {name_of(graph): features_hash(graph) for graph in graphs},
            "held": [[each.fingerprint for each in part] for part in parts.values()],
        },
        pad_mode=setting.pad_mode,
        seed=setting.seed,
        folder=setting.folder,
        ledger=setting.ledger,
        progress=setting.progress,
    )


def _zero_shot(
    setting: Setting,
    graph: BoundGraph,
    asked: Questions,
    tasks: tuple[Questions, ...],
    outcome: dict[str, Any],
    models: list[LLaGA],
) -> dict[str, dict[str, float]]:
    """Metrics on a graph that was held out, by the arm's name with a gap for it.

    A training that was finished in an earlier run is read from its checkpoint.
    """
    ledger, folder = setting.ledger, setting.folder
    key = Ledger.key(
        task="zero-shot",
        checkpoint=outcome.get("checkpoint"),
        graph=features_hash(graph.data),
        questions=asked.fingerprint,
    )
    kept = ledger.get(key) if ledger is not None else None
    if kept is not None:
        return kept
    if not models and folder is not None:
        where = folder / outcome["checkpoint"]
        models.append(LLaGA.load(where, setting.llm.model, setting.llm.tokenizer)[0])
    stage = f"zero-shot {name_of(graph.data)}"
    if setting.progress is not None:
        setting.progress(stage, 0, 2)
    ready = zero_shot_metrics(score_questions(models[0], asked), asked)
    if setting.progress is not None:
        setting.progress(stage, 1, 2)
    before = setting.untrained(graph.data.x.size(1), tasks)
    start = zero_shot_metrics(score_questions(before, asked), asked)
    if setting.progress is not None:
        setting.progress(stage, 2, 2)
    arms = with_balanced("zero_shot_{}", {"metrics": ready})
    arms["untrained_{}"] = with_balanced("", {"metrics": start})[""]
    found = {arm: each["metrics"] for arm, each in arms.items()}
    if ledger is not None:
        ledger.put(key, found)
    return found

"""One projector for several graphs, and what it knows of graphs it never saw."""

from collections.abc import Sequence
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.evaluate import Result
from graphllm.experiments.describe import describe_dataset
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.checks import check_graphs, name_of
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.record import Runs, as_result, with_texts
from graphllm.experiments.llaga.trained import LanguageModel
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.experiments.llaga.transfer_arms import BoundGraph, Setting, transfer_arms
from graphllm.graph_tokens import GraphTemplate
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.graph_prompt import classification_prompt

_NOTES = {
    "llaga_{}": "The method: one projector for all training graphs; test nodes of {}.",
    "gcn_{}": "Baseline: a GCN on the same vectors, trained on {} alone.",
    "zero_shot_{}": "The method on {}, of which no label was read.",
    "zero_shot_{}_balanced": (
        "The same; how much it likes each class of {} in general is taken out."
    ),
    "untrained_{}": "Control for the training: the same model on {} before it.",
    "text_zero_shot_{}": "The language model reads texts of {}, untrained, no graph.",
    "majority_{}": "The most frequent class of {} for every node.",
}


def run_llaga_transfer(
    train: Sequence[tuple[Data, Tensor]],
    test: Sequence[tuple[Data, Tensor]],
    llm: LanguageModel,
    template: GraphTemplate,
    *,
    split: str = "random-60-20-20",
    seeds: Sequence[int] = (0,),
    training: LLaGATraining | None = None,
    domains: Sequence[str] | None = None,
    pad_mode: PadMode = "mask",
    max_eval: int | None = 500,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Train one projector on several graphs, and try it on graphs it never saw.

    A batch holds nodes of one graph, whose prompt lists its own classes. The epoch is
    chosen by the mean validation accuracy over the training graphs. For each training
    graph ``NAME``, on its test nodes:

    * ``llaga_NAME``: the method.
    * ``gcn_NAME``: a GCN on the same vectors, for this graph alone.

    For each held-out graph, on its labelled nodes, or ``max_eval`` of them drawn by
    the seed, the same for all arms:

    * ``zero_shot_NAME``: the method; its classes are scored as they are.
    * ``zero_shot_NAME_balanced``: scores balanced over the classes
      (:func:`graphllm.models.llaga.balance`).
    * ``untrained_NAME``: the same model before training.
    * ``text_zero_shot_NAME``: the language model reads the nodes' texts.
    * ``majority_NAME``: the most frequent class.

    Args:
        train (Sequence[tuple[Data, Tensor]]): Text graphs with labels, each with the
            vectors of its nodes' texts, all of one encoder.
        test (Sequence[tuple[Data, Tensor]]): Graphs to be held out, alike.
        llm (LanguageModel): The frozen model.
        template (GraphTemplate): How nodes become sequences.
        split (str, optional): Of the training graphs, see
            :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of splits, weights, order and of which
            held-out nodes are asked about.
        training (LLaGATraining, optional): Optimisation.
        domains (Sequence[str], optional): Wording of the prompt of each graph, those
            of ``train`` first. (default: ``"generic"`` for all)
        pad_mode (str, optional): See :class:`graphllm.LLaGA`.
        max_eval (int, optional): Most nodes of a held-out graph; :obj:`None` for all.
            (default: :obj:`500`, since reading texts takes long)
        folder (Path, optional): Where trainings are kept, finished or not.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms with ``test_acc`` and ``test_macro_f1`` a seed. ``dataset`` is the
        first training graph, all are in the details.

    Raises:
        TextGraphError: If there is no training graph, a graph or its labels cannot be
            used, two have one name, or the number of domains is wrong.
        EmbeddingError: If vectors do not fit a graph, or differ in width.
        UnknownNameError: If there is no such split or domain.
    """
    training = training or LLaGATraining()
    every = _bind([*train, *test], template, domains)
    learned, held = every[: len(train)], every[len(train) :]
    if not learned:
        raise TextGraphError("there is no graph to train on; give at least one")
    ledger = Ledger(folder / "trainings.jsonl") if folder is not None else None
    runs: Runs = {}
    trained: list[dict[str, Any]] = []
    for seed in seeds:
        setting = Setting(
            *(llm, template, training, pad_mode, seed, folder, ledger, progress)
        )
        found, outcome = transfer_arms(setting, learned, held, split, max_eval)
        trained.append(outcome)
        for arm, each in found.items():
            runs.setdefault(arm, []).append(each)
    names = [name_of(each.data) for each in every]
    return as_result(
        *(learned[0].data, split, seeds, runs),
        baseline=f"gcn_{names[0]}",
        notes={
            arm.format(name): note.format(name)
            for arm, note in _NOTES.items()
            for name in names
        },
        trained={"llaga": trained},
        details={
            "graphs": {
                name_of(each.data): describe_dataset(each.data) for each in every
            },
            "explanations": [
                {**told, "graph": name_of(each.data)}
                for each in learned
                for told in with_texts(
                    trained[0]["graphs"][name_of(each.data)]["explanations"], each.data
                )
            ],
        },
        config={
            **asdict(training),
            "task": "transfer",
            "train": names[: len(train)],
            "test": names[len(train) :],
            "template": template.spec(),
            "pad_mode": pad_mode,
            "llm": llm.name,
            "domains": [each.domain for each in every],
            "max_eval": max_eval,
        },
    )


def _bind(
    graphs: list[tuple[Data, Tensor]],
    template: GraphTemplate,
    domains: Sequence[str] | None,
) -> list[BoundGraph]:
    domains = ["generic"] * len(graphs) if domains is None else domains
    if len(domains) != len(graphs):
        raise TextGraphError(
            f"{len(graphs)} graphs need as many domains (got {len(domains)})"
        )
    check_graphs(graphs)
    bound = []
    for (data, x), domain in zip(graphs, domains, strict=True):
        if data.y is None or not bool((data.y >= 0).any()):
            raise TextGraphError(f"the graph '{name_of(data)}' has no labels")
        graph = copy(data)
        graph.x = x
        prompt = classification_prompt(data.label_names, domain)
        bound.append(
            BoundGraph(graph, domain, prompt, template.bind(x, data.edge_index))
        )
    return bound

"""LLaGA on node description: sentences in free text, and how close they come."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.errors import TextGraphError
from graphllm.evaluate import Result
from graphllm.experiments.describe import NUM_EXAMPLES, encoder_name
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.checks import check_graph
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.questions import (
    Questions,
    description_questions,
    generate_answers,
    mean_loss,
)
from graphllm.experiments.llaga.record import Runs, as_result
from graphllm.experiments.llaga.sentences import Encoder, sentence_metrics
from graphllm.experiments.llaga.trained import LanguageModel, train_model
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.experiments.memo import MemoEncoder
from graphllm.graph_tokens import GraphTemplate
from graphllm.models.llaga import LLaGA
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.graph_prompt import description_prompt

_NOTES = {
    "llaga": (
        "The method: a frozen language model writes a sentence about graph tokens; "
        "cosine of its encoding to that of the true sentence."
    ),
    "shuffled": (
        "Control for the node: the same answers against the true sentences of other "
        "nodes. What the method gains over it is about the node."
    ),
    "reference_level": (
        "Baseline: the mean cosine between true sentences of different nodes. Any "
        "sentence of the kind gets about that much."
    ),
}


def run_llaga_descriptions(
    data: Data,
    x: Tensor,
    llm: LanguageModel,
    template: GraphTemplate,
    encoder: Encoder,
    *,
    split: str = "random-60-20-20",
    seeds: Sequence[int] = (0,),
    training: LLaGATraining | None = None,
    domain: str = "generic",
    pad_mode: PadMode = "mask",
    max_eval: int = 200,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Describe nodes in a sentence: label and title.

    The epoch is chosen by the likelihood of the validation nodes' sentences; then
    answers to the test nodes are written, greedily, once.

    * ``llaga``: answers of the method.
    * ``shuffled``: the same answers, each against another test node.
    * ``reference_level``: true sentences against those of other test nodes.

    ``test_cosine`` is the mean cosine of the encodings of answer and true sentence,
    ``test_label_contained`` the share of answers that name the true label and no
    other (:func:`~graphllm.experiments.llaga.sentences.names_label`).

    Args:
        data (Data): A text graph with labels.
        x (Tensor): Vectors of the nodes' texts, :math:`(|V|, F)`.
        llm (LanguageModel): The frozen model.
        template (GraphTemplate): How nodes become sequences.
        encoder (Callable): ``list[str] -> Tensor``, to compare sentences.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split, weights, order and of which
            nodes are evaluated.
        training (LLaGATraining, optional): Optimisation; sentences have no
            candidates, so label smoothing plays no part.
        domain (str, optional): Wording of the prompt. (default: :obj:`"generic"`)
        pad_mode (str, optional): See :class:`graphllm.LLaGA`.
        max_eval (int, optional): Most validation nodes, and most test nodes.
            (default: :obj:`200`)
        folder (Path, optional): Where trainings are kept, finished or not.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: The arms, and ``examples`` in the details.

    Raises:
        TextGraphError: If the graph or its labels cannot be used, or there are fewer
            than two test nodes.
        EmbeddingError: If ``x`` does not fit the graph.
        UnknownNameError: If there is no such split or domain.
    """
    check_graph(data, x)
    training = training or LLaGATraining()
    ledger = Ledger(folder / "trainings.jsonl") if folder is not None else None
    prompt = description_prompt(domain)
    encode = MemoEncoder(encoder)
    tokens = template.bind(x, data.edge_index)
    runs: Runs = {}
    examples: list[dict[str, Any]] = []
    for seed in seeds:
        graph = apply_split(data, split, seed)
        graph.x = x
        train, val, test = (
            description_questions(graph, mask, prompt, tokens)
            for mask in (graph.train_mask, graph.val_mask, graph.test_mask)
        )
        val, test = val.draw(max_eval, seed), test.draw(max_eval, seed)
        if len(test) < 2:
            raise TextGraphError(
                "descriptions are compared with those of other nodes: at least two "
                f"test nodes are needed (got {len(test)})"
            )
        outcome = _train(
            *(llm, template, graph, train, val, test, training),
            pad_mode=pad_mode,
            seed=seed,
            folder=folder,
            ledger=ledger,
            progress=progress,
        )
        examples = examples or _examples(graph, test, outcome["answers"])
        labels = [graph.label_names[y] for y in graph.y[test.items].tolist()]
        arms = sentence_metrics(
            *(outcome["answers"], test.answers, labels, graph.label_names, encode),
            seed=seed,
        )
        for arm, metrics in arms.items():
            trained = outcome if arm == "llaga" else {}
            runs.setdefault(arm, []).append({**trained, "metrics": metrics})
    return as_result(
        *(data, split, seeds, runs),
        baseline="reference_level",
        notes=_NOTES,
        curve="val_log_likelihood",
        details={"examples": examples},
        config={
            **asdict(training),
            "task": "desc",
            "template": template.spec(),
            "pad_mode": pad_mode,
            "llm": llm.name,
            "encoder": encoder_name(encoder),
            "domain": domain,
            "max_eval": max_eval,
        },
    )


def _train(
    llm: LanguageModel,
    template: GraphTemplate,
    graph: Data,
    train: Questions,
    val: Questions,
    test: Questions,
    training: LLaGATraining,
    *,
    pad_mode: PadMode,
    seed: int,
    folder: Path | None,
    ledger: Ledger | None,
    progress: Progress | None,
) -> dict[str, Any]:
    def finish(model: LLaGA) -> dict[str, Any]:
        if progress is not None:
            progress("write", 0, 1)
        answers = generate_answers(model, test)
        if progress is not None:
            progress("write", 1, 1)
        return {"answers": answers}

    return train_model(
        *(llm, template, graph.x.size(1), (train,), training),
        validate=lambda model: -mean_loss(model, val),
        finish=finish,
        key={
            "task": "desc",
            "graph": features_hash(graph),
            "val": val.fingerprint,
            "test": test.fingerprint,
        },
        pad_mode=pad_mode,
        seed=seed,
        folder=folder,
        ledger=ledger,
        progress=progress,
    )


def _examples(graph: Data, test: Questions, answers: list[str]) -> list[dict[str, Any]]:
    """The first answers, beside the true sentences."""
    names = getattr(graph, "node_names", None)
    shown = []
    for row, node in enumerate(test.items[:NUM_EXAMPLES].tolist()):
        shown.append(
            {
                "node": node,
                "name": names[node] if names is not None else None,
                "label": graph.label_names[int(graph.y[node])],
                "text": graph.text[node],
                "reference": test.answers[row],
                "answers": [{"template": test.prompt.name, "raw": answers[row]}],
            }
        )
    return shown

"""LLaGA and its controls on node classification."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.evaluate import Result
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.arm import Split, train_arm
from graphllm.experiments.llaga.checks import check_arms, check_graph
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.measures import class_accuracy, class_metrics
from graphllm.experiments.llaga.questions import node_questions
from graphllm.experiments.llaga.record import Runs, as_result
from graphllm.experiments.llaga.trained import LanguageModel
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.experiments.llaga.zero_shot import text_zero_shot, with_balanced
from graphllm.experiments.same_features import Control, gnn_node, linear_probe
from graphllm.graph_tokens import GraphTemplate, HopField
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.graph_prompt import classification_prompt

NODE_ARMS = (
    "llaga",
    "center_only",
    "gcn",
    "sage",
    "linear_probe",
    "llm_text_zero_shot",
)


def run_llaga_nodes(
    data: Data,
    x: Tensor,
    llm: LanguageModel,
    template: GraphTemplate,
    *,
    split: str = "random-60-20-20",
    seeds: Sequence[int] = (0,),
    training: LLaGATraining | None = None,
    arms: Sequence[str] = NODE_ARMS,
    domain: str = "generic",
    pad_mode: PadMode = "mask",
    max_eval: int | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Classify nodes with graph tokens, and with what they must be compared to.

    * ``llaga``: a projector trained on the training nodes, every class scored.
    * ``center_only``: the same projector, trained with the node's own vector alone.
    * ``gcn``, ``sage``: a GNN on the same vectors. The baseline of the differences.
    * ``linear_probe``: logistic regression on the same vectors, without edges.
    * ``llm_text_zero_shot``: the same language model reads the node's text instead;
      also with scores balanced over the classes, ``llm_text_zero_shot_balanced``.

    Args:
        data (Data): A text graph with labels.
        x (Tensor): Vectors of the nodes' texts, :math:`(|V|, F)`.
        llm (LanguageModel): The frozen model.
        template (GraphTemplate): How nodes become sequences.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split, weights and order.
        training (LLaGATraining, optional): Optimisation.
        arms (Sequence[str], optional): Which to run. (default: all)
        domain (str, optional): Wording of the prompt. (default: :obj:`"generic"`)
        pad_mode (str, optional): See :class:`graphllm.LLaGA`.
        max_eval (int, optional): Validation nodes that are scored after each epoch, at
            most; test nodes are scored all. (default: all)
        folder (Path, optional): Where trainings are kept, finished or not.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms with ``test_acc``, ``val_acc`` and ``test_macro_f1`` a seed.

    Raises:
        TextGraphError: If the graph or its labels cannot be used.
        EmbeddingError: If ``x`` does not fit the graph.
        UnknownNameError: If there is no such arm, split or domain.
    """
    check_graph(data, x)
    check_arms(arms, NODE_ARMS)
    training = training or LLaGATraining()
    ledger = Ledger(folder / "trainings.jsonl") if folder is not None else None
    prompt = classification_prompt(data.label_names, domain)
    templates = {"llaga": template, "center_only": HopField(num_hops=0)}
    bound = {
        arm: templates[arm].bind(x, data.edge_index) for arm in arms if arm in templates
    }
    runs: Runs = {}
    for seed in seeds:
        graph = apply_split(data, split, seed)
        graph.x = x
        for arm in arms:
            if arm in bound:
                masks = (graph.train_mask, graph.val_mask, graph.test_mask)
                train, val, test = (
                    node_questions(graph, mask, prompt, bound[arm]) for mask in masks
                )
                key = {"task": "nc", "graph": features_hash(graph)}
                val = val.draw(max_eval, seed)
                outcome = train_arm(
                    *(llm, templates[arm], x.size(1), Split((train,), val, test, key)),
                    *(training, class_accuracy, class_metrics),
                    pad_mode=pad_mode,
                    seed=seed,
                    folder=folder,
                    ledger=ledger,
                    progress=progress,
                )
            elif arm == "llm_text_zero_shot":
                outcome = text_zero_shot(
                    *(graph, graph.test_mask, llm, domain),
                    ledger=ledger,
                    progress=progress,
                )
            elif arm == "linear_probe":
                outcome = control_outcome(linear_probe(graph))
            else:
                outcome = control_outcome(
                    gnn_node(graph, arm, seed=seed, ledger=ledger)
                )
            for name, each in with_balanced(arm, outcome).items():
                runs.setdefault(name, []).append(each)
    return as_result(
        *(data, split, seeds, runs),
        baseline="gcn",
        config={
            **asdict(training),
            "task": "nc",
            "template": template.spec(),
            "pad_mode": pad_mode,
            "llm": llm.name,
            "domain": domain,
        },
    )


def control_outcome(control: Control) -> dict[str, Any]:
    """A finished control as an arm."""
    return {
        "metrics": {
            "test_acc": control.test["accuracy"],
            "val_acc": control.val["accuracy"],
            "test_macro_f1": control.test["macro_f1"],
        }
    }

"""Which prompt helps, at the same nodes."""

from collections.abc import Sequence
from copy import copy
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import Enhancer
from graphllm.errors import PromptError
from graphllm.evaluate import Result, paired_difference
from graphllm.experiments.describe import Metrics, score_metrics
from graphllm.experiments.ellagnn import Arm, Progress, Training, train_arm
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.memo import MemoEncoder
from graphllm.experiments.meter import MeteredLLM
from graphllm.experiments.study import (
    Clock,
    Scores,
    choose_nodes,
    enhance_nodes,
    only_nodes,
    plain_arm,
    study_result,
)
from graphllm.prompts import Template, get_templates

TOGETHER = "together"
VIEWS = {"ellagnn": "", "ellagnn_llm_at_test": "_llm_at_test"}


def run_prompt_ablation(
    data: Data,
    enhancer: Enhancer,
    prompts: Sequence[str | Template] | None = None,
    *,
    x: Tensor | None = None,
    domain: str = "generic",
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    training: Training | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Result:
    """One arm a prompt, and one with all of them, at the same nodes.

    Prompts that show the model the names of the classes are marked ``label_aware``:
    their answers carry the vocabulary of the task into the features, and their gain
    is another one than that of added knowledge.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, encoder, selector, budget and pool.
        prompts (Sequence[str or Template], optional): Names of the catalogue, or
            templates. (default: the enhancer's own)
        x (Tensor, optional): Plain features of the enhancer's encoder,
            :math:`(|V|, F)`; encoded here when not given.
        domain (str, optional): Wording of named prompts. (default: :obj:`"generic"`)
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split and initialisation.
        training (Training, optional): Network and optimisation, the same for all.
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms ``plain``, ``{prompt}``, ``{prompt}_llm_at_test`` and the same
        of ``together``, and ``details["study"]`` of kind ``"prompts"``.

    Raises:
        UnknownNameError: If a prompt or the domain is unknown.
        PromptError: If there is no prompt, the same one twice, or one whose answers
            add no words.
    """
    training = training or Training()
    chosen = enhancer.templates if prompts is None else prompts
    families = prompt_families(enhancer, chosen, domain)
    memo = MemoEncoder(enhancer.encoder)
    meter = MeteredLLM(enhancer.llm)
    for family in families.values():
        family.encoder, family.llm = memo, meter
    *_, whole = families.values()
    clock = Clock("encode", "select", "enhance", "train")
    x = memo(data.text) if x is None else x
    clock.lap("encode")
    scores: Scores = {}
    first: dict[str, Data] = {}
    for number, seed in enumerate(seeds):
        graph = apply_split(data, split, seed)
        nodes = choose_nodes(graph, whole, x)
        clock.lap("select")
        # All prompts first, under one bar of answers; each alone is remembered, and
        # may well be without one usable answer.
        asked = enhance_nodes(graph, whole, x, nodes, seed, progress)
        enhanced = {
            name: asked if each is whole else only_nodes(each, nodes, x).run(graph, x)
            for name, each in families.items()
        }
        first = first or enhanced
        clock.lap("enhance")
        arms = {"plain": plain_arm(graph, x, enhancer)}
        views = {"ellagnn": False, "ellagnn_llm_at_test": True}
        arms |= {name: Arm(graph, views) for name, graph in enhanced.items()}
        for position, (name, arm) in enumerate(arms.items()):
            fit = train_arm(arm, seed, training, ledger)
            for view, score in fit.scores.items():
                scores.setdefault(name + VIEWS.get(view, ""), []).append(score)
            if progress is not None:
                done = number * len(arms) + position + 1
                progress("train", done, len(seeds) * len(arms))
        clock.lap("train")
    rows = prompt_rows(families, first, meter, score_metrics(scores))
    return study_result(
        *(data, enhancer, next(iter(first.values()))),
        {"kind": "prompts", "rows": rows},
        scores=scores,
        split=split,
        seeds=seeds,
        training=training,
        timing=clock.seconds,
    )


def prompt_families(
    enhancer: Enhancer, prompts: Sequence[str | Template], domain: str = "generic"
) -> dict[str, Enhancer]:
    """The enhancer with each prompt alone, then with all of them.

    Args:
        enhancer (Enhancer): Everything but the prompts.
        prompts (Sequence[str or Template]): Names of the catalogue, or templates.
        domain (str, optional): Wording of named prompts. (default: :obj:`"generic"`)

    Returns:
        dict[str, Enhancer]: By the name of the prompt; ``together`` last, where
        there are several.

    Raises:
        PromptError: If there is no prompt, the same one twice, or one whose answers
            add no words.
    """
    templates = [
        prompt if isinstance(prompt, Template) else get_templates([prompt], domain)[0]
        for prompt in prompts
    ]
    if not templates:
        raise PromptError("no prompts to compare; name some, such as expand,keywords")
    families: dict[str, Enhancer] = {}
    for template in templates:
        if template.name in families:
            raise PromptError(
                f"the prompt '{template.name}' is named twice; name each once"
            )
        if not template.enriches:
            raise PromptError(
                f"'{template.name}' adds no words to a node and cannot be compared; "
                "take prompts such as 'expand'"
            )
        families[template.name] = copy(enhancer)
        families[template.name].templates = [template]
    if len(templates) > 1:
        families[TOGETHER] = copy(enhancer)
        families[TOGETHER].templates = templates
    return families


def prompt_rows(
    families: dict[str, Enhancer],
    enhanced: dict[str, Data],
    meter: MeteredLLM,
    arms: Metrics,
) -> list[dict[str, Any]]:
    """One row a prompt and view.

    Args:
        families (dict[str, Enhancer]): See :func:`prompt_families`.
        enhanced (dict[str, Data]): Graphs of the first seed.
        meter (MeteredLLM): What every seed's answers cost.
        arms (dict): Arms of the result.

    Returns:
        list[dict]: ``prompt``, ``label_aware``, ``view``, ``arm``, ``acc``,
        ``val_acc``, ``lift_plain``, ``nodes`` with an answer, ``usable`` (share of
        the answers that could be read), ``calls`` and ``tokens``.
    """
    rows = []
    plain = arms["plain"]["test_acc"]["values"]
    for name, family in families.items():
        data, ids = enhanced[name], [template.id for template in family.templates]
        read = [answer.ok for answer in data.provenance if answer.template in ids]
        usages = [meter.usage_of(template) for template in ids]
        tokens = sum(u.prompt_tokens + u.completion_tokens for u in usages)
        for view, suffix in VIEWS.items():
            metrics = arms[name + suffix]
            lift = paired_difference(metrics["test_acc"]["values"], plain)
            rows.append(
                {
                    "prompt": name,
                    "label_aware": any(t.label_aware for t in family.templates),
                    "view": view.removeprefix("ellagnn_"),
                    "arm": name + suffix,
                    "acc": metrics["test_acc"]["mean"],
                    "val_acc": metrics["val_acc"]["mean"],
                    "lift_plain": lift,
                    "nodes": int(data.llm_index.numel()),
                    "usable": sum(read) / len(read) if read else None,
                    "calls": sum(usage.calls for usage in usages),
                    "tokens": tokens,
                }
            )
    return rows

"""Can a network keep the gain of a language model without asking it at test time?"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import Enhancer, shuffle_answers
from graphllm.evaluate import (
    Result,
    expected_calibration_error,
    paired_difference,
    summary,
)
from graphllm.experiments.ellagnn import (
    Progress,
    Training,
    plain_graph,
    random_control,
)
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.fit import Score
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.lessons import (
    Lesson,
    Pupil,
    consistent,
    lessons,
    self_consistent,
    taught,
)
from graphllm.experiments.memo import MemoEncoder
from graphllm.experiments.on_demand import on_demand
from graphllm.experiments.study import (
    Clock,
    enhance_nodes,
    only_nodes,
    study_result,
)
from graphllm.llm import Estimate, estimate
from graphllm.seed import circle, generator
from graphllm.selection import SelectionContext, candidate_nodes, resolve_budget

VERSION = 2
Outcome = dict[str, Any]


def run_llm_free(
    data: Data,
    enhancer: Enhancer,
    *,
    x: Tensor,
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = tuple(range(10)),
    training: Training | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Result:
    """Every way to learn from a language model and predict without it.

    For each seed a network without a language model is trained first; the selector
    may read its class probabilities (``SelectionContext.probs``), so that an
    uncertainty selector spends the budget on what this network does not know. Then
    every way of :func:`~graphllm.experiments.lessons.lessons` learns from the same
    answers and predicts on plain features, beside these controls:

    * ``plain``: no language model;
    * ``self_distilled``: distillation, once, without a language model; with votes
      ``taught`` is a longer chain, and ``taught_shuffled`` is as long;
    * ``self_consistent``: the same for ``consistency``, two passes over plain
      features pulled together;
    * ``..._random``: the budget spent on random nodes;
    * ``..._shuffled``: the answers of other nodes;
    * ``teacher_llm_at_test``: the teacher of ``taught``, which reads enhanced
      features when predicting; what could be kept at most.

    ``on_demand`` is ``random_view`` with nodes chosen while the network learns, see
    :func:`~graphllm.experiments.on_demand.on_demand`.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split and initialisation.
        training (Training, optional): Network and optimisation; ``fusion`` is set by
            each way of learning.
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: ``details["study"]`` of kind ``llm_free`` with a row a way:
        ``test_acc``, ``val_acc``, and paired differences ``lift_plain``,
        ``lift_self`` (over ``self_distilled``) and ``lift_unasked`` (over ``plain``,
        both on the test nodes that this way did not ask about).
    """
    # Objectives need the whole graph at once.
    training = replace(training or Training(), batch_size=None)
    enhancer = copy(enhancer)
    enhancer.encoder = MemoEncoder(enhancer.encoder)
    clock = Clock("encode", "enhance", "train")
    # What decides whom on_demand asks about, for the key of its training.
    chooser = repr(
        (
            *(type(enhancer.selector).__name__, vars(enhancer.selector)),
            *(enhancer.budget, enhancer.pool, enhancer.num_hops, enhancer.seed),
        )
    )
    outcomes: dict[str, list[Outcome]] = {}
    first: Data | None = None
    annotation: list[dict[str, float]] = []
    for number, seed in enumerate(seeds):
        graph = plain_graph(apply_split(data, split, seed), x, enhancer)
        school = Lesson(graph, graph, training, seed)
        plain = school.plain
        clock.lap("train")
        chosen = choose(graph, enhancer, plain.probs)
        enhanced = enhance_nodes(graph, enhancer, x, chosen, seed, progress)
        other = random_control(enhancer, seed)
        drawn = choose(graph, other, plain.probs)
        at_random = enhance_nodes(graph, other, x, drawn, seed, progress)
        clock.lap("enhance")
        first = first or enhanced
        lesson = _lesson(school, enhanced)
        if lesson.votes is not None:
            annotation.append(vote_quality(graph, *lesson.votes))
        ways = _ways(lesson, _lesson(school, at_random), enhancer)
        for place, (name, (way, read)) in enumerate(ways.items()):
            outcome = _outcome(name, way, read, lesson, ledger, chooser)
            outcomes.setdefault(name, []).append(
                outcome | _unasked(graph, outcome, plain.probs.argmax(dim=-1))
            )
            if progress is not None:
                done, total = number * len(ways) + place + 1, len(seeds) * len(ways)
                progress("train", done, total)
        clock.lap("train")
    assert first is not None
    study: dict[str, Any] = {"kind": "llm_free", "rows": study_rows(outcomes)}
    if annotation:
        study["annotation"] = {
            key: summary([entry[key] for entry in annotation]) for key in annotation[0]
        }
    return study_result(
        data,
        enhancer,
        first,
        study,
        scores={k: [Score(**o["score"]) for o in v] for k, v in outcomes.items()},
        split=split,
        seeds=seeds,
        training=training,
        timing=clock.seconds,
    )


def plan_llm_free(
    data: Data, enhancer: Enhancer, x: Tensor, split: str, seeds: Sequence[int]
) -> Estimate:
    """What :func:`run_llm_free` asks at most; nothing is trained or asked.

    Whom it asks about depends on networks that are still to be trained, how many does
    not: the budget three times a seed, for the chosen nodes, random ones, and those
    chosen on demand. Any nodes stand for them.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        split (str): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int]): Seeds of the run.

    Returns:
        Estimate: An upper bound of calls, tokens, money and time.
    """
    requests = []
    for seed in seeds:
        graph = apply_split(data, split, seed)
        candidates = candidate_nodes(graph, enhancer.pool, enhancer.num_hops)
        count = resolve_budget(enhancer.budget, candidates.numel())
        shuffle = torch.Generator().manual_seed(seed)
        order = torch.randperm(candidates.numel(), generator=shuffle)
        nodes = candidates[order[: 3 * count]]
        requests += only_nodes(enhancer, nodes, x).requests(graph, x)
    return estimate(enhancer.llm, requests)


def choose(data: Data, enhancer: Enhancer, probs: Tensor) -> Tensor:
    """The nodes that the enhancer's selector wants, given a network's probabilities.

    Args:
        data (Data): A text graph with features and masks.
        enhancer (Enhancer): Selector, budget, pool and seed.
        probs (Tensor): Class probabilities, :math:`(|V|, C)`.

    Returns:
        Tensor: Node ids, ascending.
    """
    context = SelectionContext(data.x, probs.size(1), enhancer.seed, probs=probs)
    budget, pool, num_hops = enhancer.budget, enhancer.pool, enhancer.num_hops
    return enhancer.selector(data, budget, context, pool, num_hops)


def vote_quality(data: Data, index: Tensor, votes: Tensor) -> dict[str, float]:
    """Accuracy and calibration of the votes, on unlabelled nodes; for the record.

    Args:
        data (Data): With labels and ``train_mask``.
        index (Tensor): The annotated nodes, :math:`(a)`.
        votes (Tensor): :math:`(a, C)`.

    Returns:
        dict: ``accuracy``, ``ece`` and ``count``. Nothing that learns reads them.
    """
    free = ~data.train_mask[index] & (data.y[index] >= 0)
    confidence, label = votes[free].max(dim=-1)
    correct = label == data.y[index[free]]
    if not correct.numel():
        return {"accuracy": 0.0, "ece": 0.0, "count": 0.0}
    return {
        "accuracy": float(correct.float().mean()),
        "ece": expected_calibration_error(confidence.clamp(0, 1), correct),
        "count": float(correct.numel()),
    }


def study_rows(outcomes: dict[str, list[Outcome]]) -> list[dict[str, Any]]:
    """One row a way to learn, differences seed by seed.

    Args:
        outcomes (dict[str, list[dict]]): One outcome a seed, by name; ``plain`` and
            ``self_distilled`` among them.

    Returns:
        list[dict]: As described in :func:`run_llm_free`.
    """

    def column(name: str, key: str) -> list[float]:
        return [
            outcome[key] if key.endswith("unasked") else outcome["score"][key]
            for outcome in outcomes[name]
        ]

    rows = []
    for name in outcomes:
        row: dict[str, Any] = {
            "name": name,
            "test_acc": summary(column(name, "test_acc")),
            "val_acc": summary(column(name, "val_acc")),
        }
        if name != "plain":
            row["lift_plain"] = _lift(column, name, "plain", "test_acc")
            row["lift_unasked"] = paired_difference(
                column(name, "unasked"), column(name, "plain_unasked")
            )
        if name not in ("plain", "self_distilled"):
            row["lift_self"] = _lift(column, name, "self_distilled", "test_acc")
        rows.append(row)
    return rows


def _lift(
    column: Callable[[str, str], list[float]], name: str, base: str, key: str
) -> dict[str, Any]:
    return paired_difference(column(name, key), column(base, key))


def _lesson(school: Lesson, enhanced: Data) -> Lesson:
    """A lesson on other answers that shares what needs no language model."""
    lesson = Lesson(school.data, enhanced, school.training, school.seed)
    lesson.plain = school.plain
    if "self_distilled" in school.__dict__:
        lesson.self_distilled = school.self_distilled
    return lesson


def _ways(
    lesson: Lesson, at_random: Lesson, enhancer: Enhancer
) -> dict[str, tuple[Callable[[], Pupil], Data]]:
    """Every row of the study, still to be trained, and the graph it was asked on."""
    enhanced = lesson.enhanced
    ways: dict[str, tuple[Callable[[], Pupil], Data]] = {
        "plain": (lambda: lesson.plain, enhanced),
        "self_distilled": (lambda: lesson.self_distilled, enhanced),
        "self_consistent": (partial(self_consistent, lesson), enhanced),
    }
    for name, way in lessons(lesson.votes is not None).items():
        ways[name] = (partial(way, lesson), enhanced)
    live = copy(lesson.data)
    ways["on_demand"] = (partial(_on_demand, lesson, live, enhancer), live)
    for name, way in (("consistency", consistent), ("taught", taught)):
        ways[f"{name}_random"] = (
            lambda way=way: way(_share(lesson, at_random)),  # type: ignore[misc]
            at_random.enhanced,
        )
        if enhanced.llm_index.numel() > 1:
            ways[f"{name}_shuffled"] = (
                lambda way=way: way(_shuffled(lesson, enhancer)),  # type: ignore[misc]
                enhanced,
            )
    ways["teacher_llm_at_test"] = (lambda: lesson.teacher, enhanced)
    return ways


def _on_demand(lesson: Lesson, live: Data, enhancer: Enhancer) -> Pupil:
    """Random views of nodes that are chosen while the network learns."""
    objective = on_demand(enhancer, live.x, seed=enhancer.seed)
    return lesson.learn(objective, live, fusion="random_view")


def _share(lesson: Lesson, other: Lesson) -> Lesson:
    other.self_distilled = lesson.self_distilled
    return other


def _shuffled(lesson: Lesson, enhancer: Enhancer) -> Lesson:
    """The same nodes with the answers, features and votes, of other ones."""
    weight, neighbors = enhancer.answer_weight, enhancer.neighbors
    enhanced = shuffle_answers(lesson.enhanced, weight, lesson.seed, neighbors)
    other = _share(lesson, _lesson(lesson, enhanced))
    if lesson.votes is None:
        other.votes = None
        return other
    nodes, votes = lesson.votes
    source = circle(nodes.numel(), generator(lesson.seed))
    other.votes = nodes, votes[source.to(votes.device)]
    return other


def _outcome(
    name: str,
    way: Callable[[], Pupil],
    read: Data,
    lesson: Lesson,
    ledger: Ledger | None,
    chooser: str,
) -> Outcome:
    """Train one way, or take it from the ledger."""
    # A graph that is enhanced on demand has no answers yet.
    known = read if "provenance" in read else lesson.enhanced
    key = Ledger.key(
        study=f"llm_free/{VERSION}",
        way=name,
        seed=lesson.seed,
        graph=features_hash(known),
        votes=[answer.raw for answer in known.provenance],
        **({"chooser": chooser} if name == "on_demand" else {}),
        **asdict(lesson.training),
    )
    kept = ledger.get(key) if ledger is not None else None
    if kept is not None:
        return kept
    fit = way().fit
    outcome = {
        "score": asdict(fit.scores["view"]),
        "predictions": fit.predictions["view"],
        "asked": _asked(read),
    }
    if ledger is not None:
        ledger.put(key, outcome)
    return outcome


def _asked(data: Data) -> list[int]:
    """Nodes that were asked about; none where training ended before the first round."""
    answers = getattr(data, "provenance", None) or []
    return sorted({answer.node for answer in answers})


def _unasked(data: Data, outcome: Outcome, plain: Tensor) -> dict[str, float]:
    """Test accuracy where the language model was not asked, of this way and plain."""
    mask = data.test_mask.clone()
    mask[outcome["asked"]] = False
    if not bool(mask.any()):
        return {"unasked": 0.0, "plain_unasked": 0.0}
    y = data.y[mask]
    own = torch.tensor(outcome["predictions"], device=y.device)[mask]
    return {
        "unasked": float((own == y).float().mean()),
        "plain_unasked": float((plain[mask] == y).float().mean()),
    }

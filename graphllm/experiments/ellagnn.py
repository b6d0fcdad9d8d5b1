"""The E-LLaGNN experiment: every arm, every seed, one result."""

import logging
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import (
    Enhancer,
    OracleLLM,
    inference_weights,
    oracle_template,
    shuffle_answers,
)
from graphllm.errors import LLMError, SpendingLimitError
from graphllm.evaluate import Result, environment
from graphllm.experiments.describe import (
    describe_dataset,
    describe_run,
    score_metrics,
)
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.fit import Fit, Score, fit
from graphllm.experiments.fit_batches import fit_batches
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.memo import MemoEncoder
from graphllm.llm import Estimate, estimate
from graphllm.llm.usage import LIMIT_REACHED
from graphllm.models import ELLaGNN
from graphllm.models.fusion import Fusion
from graphllm.selection import RandomSelector

Progress = Callable[[str, int, int], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """Network and optimisation, the same for every arm.

    Args:
        backbone (str): See :class:`graphllm.ELLaGNN`.
        num_layers (int): Layers of the network.
        hidden_channels (int): Size of each hidden layer.
        dropout (float): Dropout of the network.
        fusion (Fusion): See :func:`graphllm.models.fuse`.
        lr (float): Learning rate of Adam.
        weight_decay (float): L2 penalty.
        epochs (int): Epochs at most.
        patience (int): Epochs without a better validation accuracy.
        batch_size (int, optional): Training nodes a step, on sampled neighbourhoods;
            :obj:`None` reads the whole graph at once.
        num_neighbors (tuple[int, ...]): Neighbours drawn at each hop of a batch.
    """

    backbone: str = "sage"
    num_layers: int = 2
    hidden_channels: int = 128
    dropout: float = 0.5
    fusion: Fusion = "random_view"
    lr: float = 0.01
    weight_decay: float = 5e-4
    epochs: int = 300
    patience: int = 50
    batch_size: int | None = None
    num_neighbors: tuple[int, ...] = (15, 10)

    def network(self, in_channels: int, out_channels: int) -> ELLaGNN:
        """A freshly initialised network."""
        return ELLaGNN(
            self.backbone,
            in_channels,
            self.hidden_channels,
            out_channels,
            self.num_layers,
            fusion=self.fusion,
            dropout=self.dropout,
        )


@dataclass(frozen=True)
class Arm:
    """One way to prepare the training graph, and the ways to run the network on it.

    Args:
        data (Data): The graph that training reads.
        views (dict[str, bool]): Name in the result to whether the language model's
            features are used when predicting.
    """

    data: Data
    views: dict[str, bool]


def build_arms(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, Arm]:
    """Enhance the graph in every way that the comparison needs.

    * ``plain``: same encoder and network, no language model.
    * ``random``: the same budget spent on random nodes, drawn anew for each seed.
    * ``shuffled``: the chosen nodes, each with the answers of another one; also with
      them at test, the control of ``ellagnn_llm_at_test``.
    * ``ellagnn``: enhanced in training, LLM-free when predicting.
    * ``ellagnn_llm_at_test``: the same network, enhanced features when predicting.
    * ``oracle``, ``oracle_llm_at_test``: ``data.full_text`` in the model's place,
      where there is one.

    Args:
        data (Data): A text graph with masks.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        seed (int): Seed of the shuffle.
        progress (Callable, optional): Called with (stage, answers so far, all).

    Returns:
        dict[str, Arm]: In the order of the list.

    Raises:
        SpendingLimitError: If the spending limit cut the answers short: arms with
            different shares of answers must not be compared. Answers are kept.
        LLMError: If there is not one usable answer.
    """
    plain = plain_graph(data, x, enhancer)
    chosen = enhancer.run(data, x, _stage(progress, f"ask, chosen, seed {seed}"))
    require_answers(chosen, enhancer, "chosen")
    arms = {"plain": Arm(plain, {"plain": False})}
    other = random_control(enhancer, seed)
    drawn = other.run(data, x, _stage(progress, f"ask, random, seed {seed}"))
    require_answers(drawn, other, "random")
    arms["random"] = Arm(drawn, {"random": False})
    if chosen.llm_index.numel() > 1:
        shuffled = shuffle_answers(
            chosen, enhancer.answer_weight, seed, enhancer.neighbors
        )
        views = {"shuffled": False, "shuffled_llm_at_test": True}
        arms["shuffled"] = Arm(shuffled, views)
    arms["ellagnn"] = Arm(chosen, {"ellagnn": False, "ellagnn_llm_at_test": True})
    full_text = getattr(data, "full_text", None)
    if full_text is not None:
        oracle = copy(enhancer)
        oracle.llm = OracleLLM(full_text)
        oracle.templates = [oracle_template()]
        views = {"oracle": False, "oracle_llm_at_test": True}
        arms["oracle"] = Arm(oracle.run(data, x), views)
    return arms


def run_ellagnn(
    data: Data,
    enhancer: Enhancer,
    *,
    x: Tensor | None = None,
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    training: Training | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Result:
    """E-LLaGNN and its controls on one graph.

    For each seed: the split, the enhanced graphs of every arm, and one training an
    arm from the same initial parameters, so that differences are paired.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor, optional): Plain features of the enhancer's encoder,
            :math:`(|V|, F)`; encoded here when not given.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split and initialisation.
        training (Training, optional): Network and optimisation; the same for every
            arm. (default: two layers of GraphSAGE, see :class:`Training`)
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms with ``test_acc``, ``val_acc`` and ``epoch`` a seed.
    """
    timing = {"encode": 0.0, "enhance": 0.0, "train": 0.0}
    training = training or Training()
    enhancer = copy(enhancer)
    enhancer.encoder = MemoEncoder(enhancer.encoder)
    start = time.perf_counter()
    if x is None:
        x = enhancer.encoder(data.text)
    timing["encode"] = time.perf_counter() - start
    fits: dict[str, list[Fit]] = {}
    first: dict[str, Arm] = {}
    for number, seed in enumerate(seeds):
        start = time.perf_counter()
        arms = build_arms(apply_split(data, split, seed), enhancer, x, seed, progress)
        timing["enhance"] += time.perf_counter() - start
        first = first or arms
        start = time.perf_counter()
        for position, (name, arm) in enumerate(arms.items()):
            fits.setdefault(name, []).append(train_arm(arm, seed, training, ledger))
            if progress is not None:
                done = number * len(arms) + position + 1
                progress("train", done, len(seeds) * len(arms))
        timing["train"] += time.perf_counter() - start
    return Result(
        method="ellagnn",
        dataset=describe_dataset(data),
        split=split,
        seeds=list(seeds),
        arms=score_metrics(
            {
                view: [run.scores[view] for run in runs]
                for runs in fits.values()
                for view in runs[0].scores
            }
        ),
        timing=timing,
        config={**asdict(training), "split": split, "seeds": list(seeds)},
        environment=environment(),
        details=describe_run(data, enhancer, first["ellagnn"].data, fits),
    )


def plan_ellagnn(
    data: Data, enhancer: Enhancer, x: Tensor, split: str, seeds: Sequence[int]
) -> Estimate:
    """What :func:`run_ellagnn` would ask of the language model, before asking.

    Counts the chosen and the random nodes of every seed; an answer that several
    seeds need, or that is cached, is counted once or not at all.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        split (str): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int]): Seeds of the run.

    Returns:
        Estimate: Calls, tokens, money and time.
    """
    requests = []
    for seed in seeds:
        graph = apply_split(data, split, seed)
        for each in (enhancer, random_control(enhancer, seed)):
            requests += each.requests(graph, x)
    return estimate(enhancer.llm, requests)


def random_control(enhancer: Enhancer, seed: int) -> Enhancer:
    """The same model, prompts and budget, spent on nodes drawn for this seed."""
    control = copy(enhancer)
    control.selector = RandomSelector()
    control.seed = seed
    return control


def require_answers(data: Data, enhancer: Enhancer, which: str) -> None:
    """Refuse to compare arms when one of them got no answers, or not all paid for.

    Answers that only pick neighbours add no words and do not count.

    Args:
        data (Data): What the enhancer returned.
        enhancer (Enhancer): Whose prompts count.
        which (str): ``"chosen"`` or ``"random"``, named in the message.

    Raises:
        SpendingLimitError: If the spending limit cut the answers short.
        LLMError: If there is not one usable answer.
    """
    prompts = {template.id for template in enhancer.templates}
    answers = [answer for answer in data.provenance if answer.template in prompts]
    errors = [answer.error for answer in data.provenance if answer.error]
    limited = [error for error in errors if error.startswith(LIMIT_REACHED)]
    if limited:
        raise SpendingLimitError(limited[0])
    asked, usable = len(answers), sum(bool(answer.parts) for answer in answers)
    if not usable:
        why = errors[0] if errors else "no answer could be read"
        raise LLMError(
            f"not one usable answer to {asked} questions about the {which} nodes "
            f"({why}); try another model, prompt or pool"
        )
    if usable < 0.5 * asked:
        logger.warning(
            "only %d of %d answers about the %s nodes are usable", usable, asked, which
        )


def _stage(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)


def plain_graph(data: Data, x: Tensor, enhancer: Enhancer) -> Data:
    """The graph as every arm sees it that has no language model.

    Args:
        data (Data): A text graph.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        enhancer (Enhancer): Its ``inference_neighbors`` hold without a model too.

    Returns:
        Data: Shallow copy with ``x``, and ``free_edge_weight`` for ``"encoder"``.
    """
    plain = copy(data)
    plain.x = x
    weight = inference_weights(data, x, enhancer.inference_neighbors)
    if weight is not None:
        plain.free_edge_weight = weight
    return plain


def train_arm(
    arm: Arm,
    seed: int,
    training: Training,
    ledger: Ledger | None = None,
    keep_predictions: bool = False,
) -> Fit:
    """Train one network on one arm, or take the finished training from the ledger.

    Args:
        arm (Arm): Graph and views.
        seed (int): Seed of the initial parameters, dropout and drawn views.
        training (Training): Network and optimisation.
        ledger (Ledger, optional): Where finished trainings are kept.
        keep_predictions (bool, optional): See :func:`~graphllm.experiments.fit`.

    Returns:
        Fit: Scores and curves.
    """
    key = Ledger.key(
        views=arm.views,
        seed=seed,
        graph=features_hash(arm.data),
        **({"predictions": True} if keep_predictions else {}),
        **asdict(training),
    )
    kept = ledger.get(key) if ledger is not None else None
    if kept is not None:
        scores = {name: Score(**score) for name, score in kept["scores"].items()}
        return Fit(
            scores, kept["train_loss"], kept["val_acc"], kept.get("predictions", {})
        )
    data = arm.data
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = training.network(data.x.size(1), len(data.label_names))
        options: dict[str, Any] = {
            "lr": training.lr,
            "weight_decay": training.weight_decay,
            "epochs": training.epochs,
            "patience": training.patience,
            "keep_predictions": keep_predictions,
        }
        model = model.to(data.x.device)
        if training.batch_size is None:
            result = fit(model, data, arm.views, **options)
        else:
            options |= {
                "batch_size": training.batch_size,
                "num_neighbors": training.num_neighbors,
                "seed": seed,
            }
            result = fit_batches(model, data, arm.views, **options)
    if ledger is not None:
        ledger.put(key, asdict(result))
    return result

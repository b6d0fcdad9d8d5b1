"""A trained LLaGA: made once, kept in a ledger, gone on with where it was cut."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.fit import Progress, fit_llaga
from graphllm.experiments.llaga.questions import Questions
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.graph_tokens import GraphTemplate
from graphllm.llm.identity import model_identity
from graphllm.models.llaga import LLaGA
from graphllm.models.llaga.model import PadMode

MAX_SAMPLED = 10_000


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model as the experiment needs it.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer.
        name (str): What results and ledgers know it by.
    """

    model: Any
    tokenizer: Any
    name: str


def train_model(
    llm: LanguageModel,
    template: GraphTemplate,
    in_channels: int,
    tasks: tuple[Questions, ...],
    training: LLaGATraining,
    validate: Callable[[LLaGA], float],
    finish: Callable[[LLaGA], dict[str, Any]],
    *,
    key: Mapping[str, object],
    pad_mode: PadMode = "mask",
    seed: int = 0,
    folder: Path | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a projector on one or several tasks, and read off what it can do.

    Args:
        llm (LanguageModel): The frozen model.
        template (GraphTemplate): How nodes become sequences.
        in_channels (int): Width of node features.
        tasks (tuple[Questions, ...]): What is trained on.
        training (LLaGATraining): Optimisation.
        validate (Callable): Called with the model after each epoch; higher is better.
        finish (Callable): Called once with the chosen model, for what goes into the
            outcome.
        key (Mapping): What else the outcome is a function of: graphs, held-out
            questions.
        pad_mode (str, optional): See :class:`graphllm.LLaGA`.
        seed (int, optional): Of initial weights, order and dropout.
        folder (Path, optional): For the state of the training and the checkpoint.
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        dict: What ``finish`` returned, the fields of :class:`LLaGAFit`,
        ``samples_per_s``, and ``checkpoint``, a folder in ``folder`` if that is given.
    """
    name = Ledger.key(
        **key,
        llm=model_identity(llm.model, llm.tokenizer),
        template=template.spec(),
        buffers={n: _checksum(each) for n, each in template.tensors().items()},
        tasks=[each.fingerprint for each in tasks],
        training=asdict(training),
        pad_mode=pad_mode,
        seed=seed,
    )
    kept = ledger.get(name) if ledger is not None else None
    if kept is not None:
        return kept
    model = new_model(llm, template, in_channels, training, tasks, pad_mode, seed)
    state = folder / f"training-{name}" if folder is not None else None
    fit = fit_llaga(
        *(model, tasks, lambda: validate(model), training),
        seed=seed,
        folder=state,
        progress=progress,
    )
    outcome = {
        **finish(model),
        **asdict(fit),
        "samples_per_s": _trained(tasks, training, fit.step) / max(fit.seconds, 1e-9),
    }
    if folder is not None:
        outcome["checkpoint"] = f"llaga-{name}"
        prompts = dict.fromkeys(each.prompt for each in tasks)
        model.save(folder / f"llaga-{name}", list(prompts))
    if ledger is not None:
        ledger.put(name, outcome)
        # What was kept for the case of an interruption is of no more use.
        if state is not None and state.exists():
            shutil.rmtree(state)
    return outcome


def new_model(
    llm: LanguageModel,
    template: GraphTemplate,
    in_channels: int,
    training: LLaGATraining,
    tasks: tuple[Questions, ...],
    pad_mode: PadMode,
    seed: int,
) -> LLaGA:
    """An untrained model, inputs standardised by training questions if asked for."""
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LLaGA(
            *(llm.model, llm.tokenizer, template, in_channels),
            num_layers=training.num_layers,
            hidden_channels=training.hidden_channels,
            dropout=training.dropout,
            pad_mode=pad_mode,
        )
    if training.standardize:
        model.projector.fit_inputs(_sample_tokens(tasks, template.num_tokens))
    return model


def _sample_tokens(tasks: tuple[Questions, ...], num_tokens: int) -> Tensor:
    """Graph tokens of training questions spread over each task, PAD left out."""
    rows = []
    for task in tasks:
        count = min(len(task), max(1, MAX_SAMPLED // num_tokens))
        spread = torch.linspace(0, len(task) - 1, count, dtype=torch.float64).long()
        for each in task.batch(spread).tokens:
            rows.append(each.x[each.mask])
    return torch.cat(rows)


def _trained(
    tasks: tuple[Questions, ...], training: LLaGATraining, steps: int
) -> float:
    per_epoch = sum(-(-len(task) // training.batch_size) for task in tasks)
    return steps / per_epoch * sum(len(task) for task in tasks)


def _checksum(buffer: Tensor) -> str:
    raw = buffer.detach().cpu().contiguous().numpy().tobytes()
    return hashlib.blake2b(raw, digest_size=8).hexdigest()

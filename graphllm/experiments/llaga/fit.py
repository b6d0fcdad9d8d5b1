"""Train a projector, stop on validation, and go on after an interruption."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.experiments.llaga.questions import Questions
from graphllm.experiments.llaga.state import (
    CURVES,
    LLaGAFit,
    Run,
    keep,
    resume,
    weights,
)
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.kernels.sample import stream_key
from graphllm.models.llaga import LLaGA

Progress = Callable[[str, int, int], None]


def fit_llaga(
    model: LLaGA,
    tasks: Sequence[Questions],
    validate: Callable[[], float],
    training: LLaGATraining,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    save_every: int = 200,
    progress: Progress | None = None,
) -> LLaGAFit:
    """Minimise the loss on the questions of one or several graphs and tasks.

    A batch holds questions of one task, so that it shares one prompt; the order of
    batches mixes the tasks. Orders, trees and dropout are functions of ``(seed,
    epoch, step)``, so a training that was cut off goes on as if it had not been.
    Afterwards the model has the weights of the best validation.

    Args:
        model (LLaGA): The model; its projector is trained.
        tasks (Sequence[Questions]): The training questions.
        validate (Callable): Called without arguments after each epoch; higher is
            better.
        training (LLaGATraining): Optimisation.
        seed (int, optional): Seed. (default: :obj:`0`)
        folder (str or Path, optional): Where the state is kept between steps.
            (default: nowhere)
        save_every (int, optional): Steps between two states; one is also kept after
            each epoch. (default: :obj:`200`)
        progress (Callable, optional): Called with ("train", step, all).

    Returns:
        LLaGAFit: Curves.

    Raises:
        TextGraphError: If a task has no questions.
        GraphLLMError: If the loss is no number any more, or the folder cannot be
            written or holds another training.
    """
    about = {"seed": seed, "sizes": [len(task) for task in tasks], **asdict(training)}
    if not tasks or not all(len(task) for task in tasks):
        raise TextGraphError("there are no training questions; use another split")
    per_epoch = sum(-(-len(task) // training.batch_size) for task in tasks)
    total = training.epochs * per_epoch
    run = Run(model, _optimizer(model, training), LLaGAFit(), about)
    if folder is not None and (Path(folder) / CURVES).exists():
        resume(run, Path(folder))
    fit = run.fit
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        while len(fit.val) < training.epochs:
            epoch = len(fit.val)
            if epoch - fit.epoch >= training.patience:
                break
            order = _order(tasks, training.batch_size, stream_key(seed, epoch))
            # The state may have been kept in an epoch, or between it and validation.
            for task, index in order[fit.step - epoch * per_epoch :]:
                torch.manual_seed(stream_key(seed, 1, fit.step))
                rate = _rate(fit.step, total, training)
                _step(run, tasks[task].at(epoch), index, epoch, rate, training)
                if progress is not None:
                    progress("train", fit.step, total)
                if folder is not None and fit.step % save_every == 0:
                    keep(run, Path(folder))
            if not math.isfinite(run.loss_sum):
                raise GraphLLMError(
                    f"the loss is {run.loss_sum} in epoch {epoch + 1}; train with a "
                    f"smaller learning rate (--lr, now {training.lr})"
                )
            fit.train_loss.append(run.loss_sum / per_epoch)
            run.loss_sum = 0.0
            torch.manual_seed(stream_key(seed, 2, epoch))
            fit.val.append(validate())
            if math.isnan(fit.val[-1]):
                raise GraphLLMError(f"validation after epoch {epoch + 1} is no number")
            if fit.epoch == 0 or fit.val[-1] > fit.val[fit.epoch - 1]:
                fit.epoch = epoch + 1
                run.best = {n: p.detach().clone() for n, p in weights(model).items()}
            if folder is not None:
                keep(run, Path(folder))
    for name, weight in weights(model).items():
        weight.data.copy_(run.best[name])
    model.eval()
    return fit


def _step(
    run: Run,
    task: Questions,
    index: Tensor,
    epoch: int,
    rate: float,
    training: LLaGATraining,
) -> None:
    started = time.perf_counter()
    model, optimizer = run.model, run.optimizer
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = rate
    batch = task.batch(index, epoch)
    if training.label_smoothing > 0 and batch.prompt.candidates:
        scores = model.score(batch.prompt, batch.tokens, texts=batch.texts)
        target = task.target[index].to(scores.device)
        loss = F.cross_entropy(scores, target, label_smoothing=training.label_smoothing)
    else:
        loss = model(*batch)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.trainable(), training.clip)
    optimizer.step()
    run.loss_sum += float(loss.detach())
    run.fit.step += 1
    run.fit.seconds += time.perf_counter() - started


def _order(
    tasks: Sequence[Questions], batch_size: int, key: int
) -> list[tuple[int, Tensor]]:
    """Batches of one epoch: questions shuffled within a task, batches over all."""
    generator = torch.Generator().manual_seed(key & (2**63 - 1))
    found = []
    for number, task in enumerate(tasks):
        order = torch.randperm(len(task), generator=generator)
        found += [(number, index) for index in order.split(batch_size)]
    return [found[at] for at in torch.randperm(len(found), generator=generator)]


def _rate(step: int, total: int, training: LLaGATraining) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    warm = max(1, int(training.warmup * total))
    if step < warm:
        return training.lr * (step + 1) / warm
    done = (step - warm) / max(1, total - warm)
    return training.lr * 0.5 * (1 + math.cos(math.pi * done))


def _optimizer(model: LLaGA, training: LLaGATraining) -> torch.optim.AdamW:
    trained = model.trainable()
    return torch.optim.AdamW(
        [
            {
                "params": [each for each in trained if each.dim() > 1],
                "weight_decay": training.weight_decay,
            },
            # Neither biases nor the gain are pulled to zero.
            {
                "params": [each for each in trained if each.dim() <= 1],
                "weight_decay": 0.0,
            },
        ],
        lr=training.lr,
    )

"""A training under way, on disk, so that an interrupted one goes on."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.models.llaga import LLaGA

CURVES = "training.json"


@dataclass
class LLaGAFit:
    """What training went through.

    Args:
        train_loss (list[float]): Mean loss of each epoch.
        val (list[float]): Validation measure after each epoch.
        epoch (int): The epoch whose weights the model has, counted from one.
        step (int): Steps taken.
        seconds (float): Time of all steps, validation not included.
    """

    train_loss: list[float] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """A training under way.

    Args:
        model (LLaGA): With the weights of now.
        optimizer (torch.optim.AdamW): With its moments.
        fit (LLaGAFit): What was gone through.
        about (dict): What the training is a function of, besides model and graph.
        best (dict): The weights of the best validation.
        loss_sum (float): Losses of this epoch so far.
    """

    model: LLaGA
    optimizer: torch.optim.AdamW
    fit: LLaGAFit
    about: dict[str, object]
    best: dict[str, Tensor] = field(default_factory=dict)
    loss_sum: float = 0.0


def weights(model: LLaGA) -> dict[str, torch.nn.Parameter]:
    """What is trained, by name."""
    named = model.named_parameters()
    return {name: each for name, each in named if each.requires_grad}


def keep(run: Run, folder: Path) -> None:
    """Write weights, moments and curves; the last rename makes them valid."""
    state = {f"now.{n}": each.detach() for n, each in weights(run.model).items()}
    state |= {f"best.{name}": each for name, each in run.best.items()}
    for number, moments in run.optimizer.state_dict()["state"].items():
        state |= {f"adam.{number}.{name}": each for name, each in moments.items()}
    # An epoch's last step may be kept before its validation and after: two files.
    name = f"training-{run.fit.step}-{len(run.fit.val)}.safetensors"
    record = {
        **{"fit": asdict(run.fit), "about": run.about},
        **{"loss_sum": run.loss_sum, "state": name},
    }
    partial = folder / f"{CURVES}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {k: each.cpu().contiguous() for k, each in state.items()}, folder / name
        )
        partial.write_text(json.dumps(record), encoding="utf-8")
        os.replace(partial, folder / CURVES)
    except (OSError, SafetensorError) as error:
        raise GraphLLMError(
            f"cannot write '{folder}' ({error}); free some space or give another "
            "--out, then run the same command again"
        ) from None
    for old in folder.glob("training-*.safetensors"):
        if old.name != name:
            old.unlink()


def resume(run: Run, folder: Path) -> None:
    """Put back what :func:`keep` wrote.

    Raises:
        GraphLLMError: If it is damaged or belongs to another model or training.
    """
    try:
        record = json.loads((folder / CURVES).read_text(encoding="utf-8"))
        if record["about"] != run.about:
            odd = [n for n, value in run.about.items() if record["about"][n] != value]
            raise ValueError(f"it has another {', '.join(odd)}")
        state = load_file(folder / record["state"])
        for name, weight in weights(run.model).items():
            weight.data.copy_(state[f"now.{name}"])
        moments: dict[int, dict[str, Tensor]] = {}
        for key, each in state.items():
            if key.startswith("adam."):
                _, number, name = key.split(".")
                moments.setdefault(int(number), {})[name] = each
        groups = run.optimizer.state_dict()["param_groups"]
        run.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        run.fit = LLaGAFit(**record["fit"])
        run.loss_sum = record["loss_sum"]
    except (
        *(OSError, ValueError, KeyError, TypeError, RuntimeError),
        SafetensorError,
    ) as error:
        reason = " ".join(str(error).split())[:150]
        raise GraphLLMError(
            f"cannot go on with the training in '{folder}' ({reason}); remove the "
            "folder or give another --out"
        ) from None
    device = run.model.projector.mean.device
    run.best = {k[5:]: t.to(device) for k, t in state.items() if k.startswith("best.")}

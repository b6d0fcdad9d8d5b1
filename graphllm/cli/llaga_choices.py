"""The options of ``graphllm llaga``, refused or turned into what they mean."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast, get_args

import torch

from graphllm.cli.setup import flag, names_of, one_of
from graphllm.data import SPLITS
from graphllm.errors import GraphLLMError, ModelNotFoundError
from graphllm.experiments.llaga import LINK_ARMS, NODE_ARMS, LLaGATraining
from graphllm.graph_tokens import GraphTemplate, HopField, NeighborhoodDetail
from graphllm.graph_tokens.tree_encoding import TreeEncoding
from graphllm.model_packages import PACKAGED, find_model
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.domain import find_domain

TASKS = ("nc", "lp", "desc")
TEMPLATES = ("ho", "nd")
DTYPES = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16}
# What other verbs take for a language model, and LLaGA cannot look into.
_ANSWERS_ONLY = ("http://", "https://", "openai:", "replay:", "llamacpp:")


def check(given: SimpleNamespace) -> None:
    """Refuse every option that can be refused without loading anything.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.llaga.llaga`.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    one_of("task", given.task, TASKS)
    one_of("pad mode", given.pad_mode, get_args(PadMode))
    one_of("dtype", given.dtype, DTYPES)
    if given.split is not None:
        one_of("split", given.split, SPLITS)
        if given.task == "lp":
            raise GraphLLMError(
                f"'--split {given.split}' divides nodes, and '--task lp' asks about "
                "links, which are split 70-10-20 at random; leave --split out"
            )
    if given.domain is not None:
        find_domain(given.domain)
    _check_graph(given)
    _check_transfer(given)
    arms_of(given)
    template_of(given)
    training_of(given)
    _check_unread(given)
    model_name(given.llm)
    device_of(given.device)


def _check_graph(given: SimpleNamespace) -> None:
    """Refuse a sparse graph where it would change the questions."""
    if given.graph is None:
        return
    if given.task == "lp":
        raise GraphLLMError(
            f"'--graph {given.graph}' has no links to ask about that were removed, so "
            "'--task lp' would be another task; leave it out"
        )
    if given.train is not None:
        raise GraphLLMError(
            f"'--graph {given.graph}' is of one data set, and --train and --test name "
            "several; leave it out"
        )


def _check_unread(given: SimpleNamespace) -> None:
    """Refuse what the chosen template or task would not read."""
    others = {
        "ho": {"fan_out": "10,10", "pe": "laplacian", "resample": False},
        "nd": {"hops": 4, "norm": "mean"},
    }
    unread: dict[str, object] = dict(others[given.template])
    if given.template == "ho":
        unread["pad_mode"] = "mask"
    why = f"'--template {given.template}'"
    if given.task == "desc":
        unread, why = {**unread, "label_smoothing": 0.0}, f"{why} or '--task desc'"
    for name, default in unread.items():
        if getattr(given, name) != default:
            raise GraphLLMError(
                f"'{flag(name)} {getattr(given, name)}' is not read with {why}; leave "
                "it out"
            )


def _check_transfer(given: SimpleNamespace) -> None:
    train, test = names_of(given.train), names_of(given.test)
    if given.train is None and given.test is None:
        return
    if not train or not test:
        raise GraphLLMError(
            "transfer needs data sets to learn from and others to try: give both "
            "--train A,B and --test C"
        )
    if given.dataset is not None:
        raise GraphLLMError(
            f"'--dataset {given.dataset}' cannot go with --train and --test, which "
            "name the data sets; leave it out"
        )
    if given.task != "nc":
        raise GraphLLMError(
            f"transfer is for '--task nc' (got '{given.task}'); leave --task out"
        )
    both = sorted(set(train) & set(test))
    if both:
        raise GraphLLMError(
            f"'{both[0]}' is in --train and in --test; what is tried must not have "
            "been learned from"
        )


def arms_of(given: SimpleNamespace) -> tuple[str, ...]:
    """The arms to run; all those of the task where none are named.

    Raises:
        UnknownNameError: If there is no such arm for the task.
        GraphLLMError: If the task has no choice of arms.
    """
    known = LINK_ARMS if given.task == "lp" else NODE_ARMS
    if given.arms is None:
        return known
    if given.task == "desc" or given.train is not None:
        raise GraphLLMError(
            f"'--arms {given.arms}' chooses among the arms of '--task nc' and "
            "'--task lp'; leave it out here"
        )
    arms = tuple(dict.fromkeys(names_of(given.arms)))
    for arm in arms:
        one_of(f"arm of task '{given.task}'", arm, known)
    if not arms:
        raise GraphLLMError(f"'--arms {given.arms}' names none of: {', '.join(known)}")
    return arms


def template_of(given: SimpleNamespace) -> GraphTemplate:
    """How nodes become sequences of vectors.

    Raises:
        GraphLLMError: If a name is unknown or the fan-out no list of numbers.
    """
    one_of("template", given.template, TEMPLATES)
    one_of("hop norm", given.norm, ("mean", "sym"))
    codes = [*get_args(TreeEncoding), "none"]
    one_of("position code", given.pe, codes)
    words = names_of(given.fan_out)
    if not words or not all(word.isdecimal() and int(word) > 0 for word in words):
        raise GraphLLMError(
            f"'--fan-out {given.fan_out}' must be positive whole numbers, one a level "
            "of the tree, such as 10,10"
        )
    if given.template == "ho":
        return HopField(given.hops, given.norm)
    return NeighborhoodDetail(
        tuple(map(int, words)),
        pe=None if given.pe == "none" else cast(TreeEncoding, given.pe),
        resample=given.resample,
    )


def training_of(given: SimpleNamespace) -> LLaGATraining:
    """The optimisation of the projector."""
    return LLaGATraining(
        lr=given.lr,
        weight_decay=given.weight_decay,
        epochs=given.epochs,
        patience=given.patience,
        batch_size=given.batch_size,
        label_smoothing=given.label_smoothing,
        dropout=given.dropout,
        num_layers=given.projector_layers,
        hidden_channels=given.hidden,
        standardize=given.standardize,
    )


def model_name(spec: str) -> str:
    """The name for transformers, once it is known that weights can be had.

    Raises:
        GraphLLMError: If what is named gives answers only, or is an encoder.
        ModelNotFoundError: If there is no such model.
    """
    if spec == "oracle" or spec.startswith(_ANSWERS_ONLY):
        raise GraphLLMError(
            f"'--llm {spec}' gives answers, but LLaGA needs the model's weights; give "
            "smollm2, a model directory, a .gguf file or a hub name"
        )
    name = spec.removeprefix("transformers:")
    path = find_model(name)
    is_file = Path(path).is_file()
    if (name in PACKAGED or is_file) and not path.endswith(".gguf"):
        raise ModelNotFoundError(
            f"'{name}' is no language model; give smollm2, a model directory, a .gguf "
            "file or a hub name"
        )
    return name


def device_of(name: str | None) -> torch.device:
    """Where the language model runs: as named, else an accelerator, else the CPU.

    Raises:
        GraphLLMError: If there is no such device here.
    """
    if name is None:
        found = torch.accelerator.current_accelerator(check_available=True)
        return found or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise GraphLLMError(
            f"no device '{name}' can be used here ({reason}); leave --device out or "
            "give cpu"
        ) from None
    return device

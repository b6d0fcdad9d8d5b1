"""What ``graphllm llaga`` does, once its options are read."""

import sys
import time
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.cli import setup
from graphllm.cli.llaga_choices import (
    DTYPES,
    arms_of,
    check,
    device_of,
    model_name,
    template_of,
    training_of,
)
from graphllm.cli.progress import Bars
from graphllm.cli.setup import names_of
from graphllm.data import apply_split, split_links, validate_text_graph
from graphllm.datasets import load_dataset
from graphllm.encode import TfidfEncoder, encode_cached, load_encoder
from graphllm.encode.cached import Encoder
from graphllm.evaluate import Result
from graphllm.experiments.describe import encoder_name
from graphllm.experiments.llaga import (
    LanguageModel,
    run_llaga_descriptions,
    run_llaga_links,
    run_llaga_nodes,
    run_llaga_transfer,
)
from graphllm.experiments.llaga.checks import check_graphs
from graphllm.llm import TransformersLLM
from graphllm.prompts.graph_prompt import classification_prompt

DATASET = "pydocs"
# What setup.load_data falls back to; a projector needs more to learn from.
_FEW, _MANY = "random-20-30-per-class", "random-60-20-20"


class Stages:
    """Names the trainings of a run apart: each gets a bar of its own.

    Args:
        bars (Bars): Where they are shown.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._at: dict[str, tuple[int, int]] = {}

    def update(self, stage: str, done: int, total: int) -> None:
        """As :meth:`Bars.update`; a count that does not rise is of the next."""
        number, last = self._at.get(stage, (1, -1))
        number += done <= last
        self._at[stage] = (number, done)
        self._bars.update(stage if number == 1 else f"{stage} {number}", done, total)


def run(given: SimpleNamespace) -> Result:
    """Run the experiment; the language model loads when all else has been checked.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.llaga.llaga`.

    Returns:
        Result: With arguments, command and times.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    check(given)
    setup.check_out(given.out)
    with Bars() as bars:
        if given.train is not None:
            result, encoder, llm = _transfer(given, bars)
        else:
            result, encoder, llm = _one_graph(given, bars)
        setup.record(result, vars(given), llm, bars)
    # Vectors go through it, not requests: there is nothing to count.
    result.usage = {}
    result.details.setdefault("llm", {"model": llm.model})
    result.details.setdefault("encoder", encoder_name(encoder))
    return result


def _one_graph(
    given: SimpleNamespace, bars: Bars
) -> tuple[Result, Encoder, TransformersLLM]:
    data, split = _load(given, given.dataset or DATASET, bars)
    data = setup.with_graph(data, given.graph)
    domain = setup.domain_of(data, given.domain)
    _check_graph(given, data, split, domain)
    encoder, x = setup.encode_text(given.encoder, data, bars)
    llm, model = _open(given, bars)
    shared = {**_shared(given, bars), **_limit(given), "domain": domain}
    first = (data, x, model, template_of(given))
    if given.task == "nc":
        result = run_llaga_nodes(*first, split=split, arms=arms_of(given), **shared)
    elif given.task == "lp":
        result = run_llaga_links(*first, arms=arms_of(given), **shared)
    else:
        result = run_llaga_descriptions(*first, encoder, split=split, **shared)
    return result, encoder, llm


def _transfer(
    given: SimpleNamespace, bars: Bars
) -> tuple[Result, Encoder, TransformersLLM]:
    started = time.perf_counter()
    names = [*names_of(given.train), *names_of(given.test)]
    graphs = [_load(given, name, bars)[0] for name in names]
    bars.seconds["load data"] = time.perf_counter() - started
    split = given.split or _MANY
    domains = [setup.domain_of(data, given.domain) for data in graphs]
    count = len(names_of(given.train))
    for data, domain in zip(graphs[:count], domains, strict=False):
        _check_graph(given, data, split, domain)
    encoder, vectors = _encode(given.encoder, graphs, count, bars)
    both = list(zip(graphs, vectors, strict=True))
    check_graphs(both)
    llm, model = _open(given, bars)
    shared = {**_shared(given, bars), **_limit(given)}
    result = run_llaga_transfer(
        *(both[:count], both[count:], model, template_of(given)),
        split=split,
        domains=domains,
        **shared,
    )
    return result, encoder, llm


def _shared(given: SimpleNamespace, bars: Bars) -> dict[str, Any]:
    """What every task takes."""
    return {
        "seeds": range(given.seeds),
        "training": training_of(given),
        "pad_mode": given.pad_mode,
        "folder": given.out,
        "progress": Stages(bars).update,
    }


def _limit(given: SimpleNamespace) -> dict[str, Any]:
    """``max_eval``, where it is not left to the experiment."""
    return {} if given.max_eval is None else {"max_eval": given.max_eval}


def _load(given: SimpleNamespace, dataset: str, bars: Bars) -> tuple[Data, str]:
    """A graph and its split: the one given, the graph's own, or 60-20-20."""
    if given.task == "lp":
        # Links need no labels.
        bars.update("load data", 0, 1)
        data = load_dataset(dataset, given.data_root)
        bars.update("load data", 1, 1)
        return validate_text_graph(data), ""
    data, split = setup.load_data(dataset, given.data_root, given.split, bars)
    if given.split is None and split == _FEW:
        split = _MANY
    return data, split


def _check_graph(given: SimpleNamespace, data: Data, split: str, domain: str) -> None:
    """Refuse a graph that the task cannot be asked about, before models load."""
    if given.task == "lp":
        split_links(data)
        return
    for seed in range(given.seeds):
        apply_split(data, split, seed)
    if given.task == "nc":
        classification_prompt(data.label_names, domain)


def _encode(
    spec: str, graphs: list[Data], num_train: int, bars: Bars
) -> tuple[Encoder, list[Tensor]]:
    """Vectors of several graphs in one space, fitted to those that are learned from."""
    bars.update("encode text", 0, len(graphs))
    encoder = load_encoder(spec, progress=sys.stderr.isatty())
    if isinstance(encoder, TfidfEncoder):
        encoder.fit([text for data in graphs[:num_train] for text in data.text])
    vectors = []
    for data in graphs:
        vectors.append(encode_cached(encoder, data.text))
        bars.update("encode text", len(vectors), len(graphs))
    return encoder, vectors


def _open(given: SimpleNamespace, bars: Bars) -> tuple[TransformersLLM, LanguageModel]:
    """The language model, its weights in the type and place asked for."""
    bars.update("open language model", 0, 1)
    device = device_of(given.device)
    dtype = DTYPES[given.dtype]
    if dtype is None and torch.device(device).type != "cpu":
        # A checkpoint's own float16 overflows in a backward pass.
        dtype = torch.bfloat16
    llm = TransformersLLM.from_pretrained(
        model_name(given.llm), dtype=dtype, device=device
    )
    bars.update("open language model", 1, 1)
    return llm, LanguageModel(llm.language_model, llm.tokenizer, llm.model)

"""What several verbs need before they can start: data, model, features."""

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import SimpleNamespace
from typing import cast, get_args

from torch import Tensor
from torch_geometric.data import Data

from graphllm.cache_dir import cache_dir
from graphllm.cli.progress import Bars
from graphllm.data import SPLITS, apply_sparse_graph, apply_split
from graphllm.datasets import load_dataset
from graphllm.encode import (
    SentenceEncoder,
    StoredEncoder,
    encode_cached,
    load_encoder,
)
from graphllm.enhance.encoded import Encoder
from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.evaluate import Result
from graphllm.experiments import Training
from graphllm.llm import LLM, Budget, CachedLLM, Price, load_llm
from graphllm.models import BACKBONES
from graphllm.models.fusion import Fusion
from graphllm.prompts import get_templates
from graphllm.selection import Pool, candidate_nodes, resolve_budget

# Wording of the prompts that fits the data sets that come with a loader.
DOMAINS = {
    "pydocs": "software",
    "cora": "citation",
    "citeseer": "citation",
    "pubmed": "citation",
    "wikispeedia": "wiki",
}
# Their masks are the split that Planetoid published.
PUBLIC_SPLIT = ("cora", "planetoid_cora", "planetoid_citeseer", "pubmed")


def one_of(kind: str, name: str, choices: Iterable[str]) -> None:
    """Refuse a name that is not among the choices.

    Raises:
        UnknownNameError: Listing them.
    """
    if name not in choices:
        raise UnknownNameError(kind, name, choices)


def names_of(text: str | None) -> list[str]:
    """The words of a comma-separated list."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def flag(name: str) -> str:
    """How an option is written on the command line."""
    return f"--{name.replace('_', '-')}"


def settle(
    given: SimpleNamespace, defaults: Mapping[str, object], used: bool, refusal: str
) -> None:
    """Put defaults where nothing was said; refuse what was said in vain.

    Args:
        given (SimpleNamespace): Options, :obj:`None` where nothing was said.
        defaults (Mapping[str, object]): Of some of them, by name.
        used (bool): Whether anything reads these.
        refusal (str): What follows the option's name where nothing does.

    Raises:
        GraphLLMError: If one is given that nothing reads.
    """
    for name, default in defaults.items():
        said = getattr(given, name) is not None
        if said and not used:
            raise GraphLLMError(f"'{flag(name)}' {refusal}")
        if used and not said:
            setattr(given, name, default)


def load_data(
    dataset: str,
    data_root: Path | None,
    split: str | None,
    bars: Bars,
    *,
    load: Callable[[str, Path | None], Data] = load_dataset,
    require_text: bool = True,
) -> tuple[Data, str]:
    """Read a data set and settle its split.

    Args:
        dataset (str): Its name or directory.
        data_root (Path, optional): Where data sets are looked for.
        split (str, optional): The split given.
        bars (Bars): Show the progress.
        load (Callable, optional): Reads it.
        require_text (bool, optional): Whether a graph without text is refused.
            (default: :obj:`True`)

    Returns:
        tuple[Data, str]: The graph, and the split given or the data's own.

    Raises:
        TextGraphError: If the graph has no text or no labels.
        UnknownNameError: If there is no such split.
    """
    if split is not None and split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    bars.update("load data", 0, 1)
    data = load(dataset, data_root)
    bars.update("load data", 1, 1)
    if require_text and getattr(data, "text", None) is None:
        raise TextGraphError(
            f"'{dataset}' has no text, and a language model needs text; choose a data "
            "set with text (see: graphllm datasets)"
        )
    if data.y is None:
        raise TextGraphError(
            f"'{dataset}' has no labels, and the experiment needs them; add a 'label' "
            "to the nodes file"
        )
    if split is None:
        has_masks = getattr(data, "train_mask", None) is not None
        split = "random-20-30-per-class"
        if has_masks:
            split = "planetoid-public" if data.name in PUBLIC_SPLIT else "file"
    return data, split


def with_graph(data: Data, graph: Path | None) -> Data:
    """The data set with the edges of a sparse graph, where one is given.

    Raises:
        DatasetError: If the file is none, or of another data set.
    """
    return data if graph is None else apply_sparse_graph(data, graph)


def domain_of(data: Data, domain: str | None) -> str:
    """The wording given, or the one that fits the data set."""
    return domain or DOMAINS.get(data.name, "generic")


def spending(
    max_calls: int | None,
    max_tokens: int | None,
    max_cost: float | None,
    price: str | None,
) -> Budget:
    """The spending limits as typed.

    Raises:
        GraphLLMError: If the price cannot be read, or a limit makes no sense.
    """
    parsed = None
    if price is not None:
        try:
            prompt, completion = (float(part) for part in price.split(","))
        except ValueError:
            raise GraphLLMError(
                f"'--price {price}' is not PROMPT,COMPLETION a million tokens; "
                "write for example --price 0.15,0.6"
            ) from None
        parsed = Price(prompt, completion)
    try:
        return Budget(max_calls, max_tokens, max_cost, parsed)
    except ValueError as error:
        hint = "; give --price PROMPT,COMPLETION" if "price" in str(error) else ""
        raise GraphLLMError(f"{error}{hint}") from None


def training(
    backbone: str,
    num_layers: int,
    hidden_channels: int,
    dropout: float,
    fusion: str,
    lr: float,
    weight_decay: float,
    epochs: int,
    patience: int,
    batch_size: int | None = None,
    fan_out: str = "15,10",
) -> Training:
    """The network and its optimisation, refused early where a name is unknown.

    Raises:
        UnknownNameError: Listing the choices.
        GraphLLMError: If the fan-out does not fit the number of layers.
    """
    drawn = _fan_out(fan_out, num_layers) if batch_size is not None else (15, 10)
    if backbone not in BACKBONES:
        raise UnknownNameError("backbone", backbone, BACKBONES)
    if fusion not in get_args(Fusion):
        raise UnknownNameError("fusion", fusion, get_args(Fusion))
    return Training(
        backbone,
        num_layers,
        hidden_channels,
        dropout,
        cast(Fusion, fusion),
        lr,
        weight_decay,
        epochs,
        patience,
        batch_size,
        drawn,
    )


def _fan_out(text: str, num_layers: int) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) != num_layers or not all(
        word == "-1" or (word.isdigit() and int(word) > 0) for word in words
    ):
        raise GraphLLMError(
            f"'--fan-out {text}' must be {num_layers} positive whole numbers, one a "
            "layer (-1 for all neighbours), such as 15,10"
        )
    return tuple(int(word) for word in words)


def prompt_names(prompts: str) -> list[str]:
    """Names of the catalogue, from a comma-separated list.

    Raises:
        UnknownNameError: If a name is not in the catalogue.
    """
    names = [name.strip() for name in prompts.split(",") if name.strip()]
    get_templates(names, "generic")
    return names


def check_pool(
    data: Data,
    split: str,
    budget: int | float,
    pool: str,
    num_hops: int,
    seeds: int,
) -> Pool:
    """The pool, once the budget is known to fit that of every seed.

    Raises:
        UnknownNameError: If there is no such pool.
        BudgetError: If the budget is out of range.
    """
    where = cast(Pool, pool)
    for seed in range(seeds):
        candidates = candidate_nodes(apply_split(data, split, seed), where, num_hops)
        resolve_budget(budget, candidates.numel())
    return where


def check_out(out: Path) -> None:
    """Make the folder of the results, and see that it can be written.

    Raises:
        GraphLLMError: If it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise GraphLLMError(
            f"cannot write into '{out}' ({error.strerror}); give another --out"
        ) from None


@contextmanager
def open_llm(
    spec: str,
    model: str | None,
    concurrency: int | None,
    budget: Budget,
    cache: Path | None,
    bars: Bars,
) -> Iterator[CachedLLM]:
    """A language model behind the answer cache, closed afterwards."""
    bars.update("open language model", 0, 1)
    llm = load_llm(
        spec,
        model=model,
        budget=budget,
        price=budget.price,
        concurrency=concurrency,
    )
    try:
        cached = CachedLLM(llm, cache or cache_dir() / "answers.sqlite")
        bars.update("open language model", 1, 1)
        yield cached
    finally:
        close = getattr(llm, "close", None)
        if close is not None:
            close()


def encode_text(spec: str, data: Data, bars: Bars) -> tuple[Encoder, Tensor]:
    """An encoder, and the features of the graph's text (kept between runs)."""
    bars.update("encode text", 0, 1)
    encoder = load_encoder(spec, progress=sys.stderr.isatty())
    x = encode_cached(encoder, data.text)
    bars.update("encode text", 1, 1)
    if not isinstance(encoder, SentenceEncoder):
        return encoder, x
    # From here on it reads a few answers at a time.
    encoder.progress = False
    return StoredEncoder(encoder, cache_dir() / "answer_embeddings"), x


def record(
    result: Result, arguments: dict[str, object], llm: LLM | None, bars: Bars
) -> None:
    """Add what only the command line knows: arguments, command, usage, timing."""
    plain = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in arguments.items()
    }
    result.config = {**plain, **result.config}
    result.config["command"] = shlex.join(["graphllm", *sys.argv[1:]])
    usage = getattr(llm, "usage", None)
    if usage is not None:
        result.usage = usage.as_dict()
    if "encode text" in bars.seconds:
        result.timing["encode"] = result.timing.get("encode", 0.0)
        result.timing["encode"] += bars.seconds["encode text"]
    if "load data" in bars.seconds:
        result.timing = {"data": bars.seconds["load data"], **result.timing}

"""The top of a report: its title, what was run, and the figures to remember."""

from collections.abc import Mapping
from typing import Any

from graphllm.evaluate import Result
from graphllm.report.arms import METHOD_TITLES, arms_of, baseline_of, method_arm
from graphllm.report.compression import (
    digits,
    listed,
    millions,
    pair_of,
    percent,
    ratio,
    times,
)
from graphllm.report.html import Safe, tag
from graphllm.report.numbers import (
    fields,
    finite,
    is_share,
    lower_is_better,
    measured,
    metrics_of,
    plain_number,
    unit_of,
    verdict,
    with_spread,
)

_METHODS = {
    "magnitude": "Magnitude pruning",
    "wanda": "Wanda",
    "sparsegpt": "SparseGPT",
    "welore": "WeLore",
    "uniform_svd": "Uniform SVD",
    "rtn": "Rounding",
    "gptq": "GPTQ",
    "awq": "AWQ",
    "int8": "Weights in 8 bits",
    "int4": "Weights in 4 bits",
    "dynamic_int8": "Products in 8 bits",
    "ffn_width": "FFN width",
    "drop_ffn": "FFN removal",
    "drop_blocks": "Block removal",
    "ffn_skip": "FFN-SkipLLM",
}
_ALLOCATIONS = {"alpha": "AlphaPruning", "owl": "OWL"}
_SHARES = {0.25: "a quarter", 0.5: "half", 0.75: "three quarters"}


def title_of(result: Result) -> str:
    """``E-LLaGNN on cora``, ``Compression of smollm2``."""
    method = METHOD_TITLES.get(result.method, result.method)
    dataset = result.dataset.get("name")
    if dataset and _compression_of(result) is not None:
        return f"Compression of {dataset}"
    return f"{method} on {dataset}" if dataset else method


def sentences_of(result: Result) -> list[str]:
    """What was run, in a sentence or two."""
    study = _compression_of(result)
    if study is not None:
        return _compressed(result, study)
    sizes = [
        f"{plain_number(result.dataset[key])} {word}"
        for key, word in (
            ("num_nodes", "nodes"),
            ("num_edges", "edges"),
            ("num_classes", "classes"),
        )
        if finite(result.dataset.get(key)) is not None
    ]
    run = plural(len(result.seeds), "seed")
    if result.split:
        run += f" of the split {result.split}"
    first = f"{plural(len(result.arms), 'arm')} over {run}"
    if sizes:
        first += f", on a graph of {', '.join(sizes)}"
    return [f"{first}.", *_how(result)]


def _how(result: Result) -> list[str]:
    selection = fields(result.details.get("selection"))
    parts = []
    chosen = finite(selection.get("count"))
    if chosen is not None:
        text = (
            f"{plural(int(chosen), 'node')} chosen by {selection.get('selector', '?')}"
        )
        if selection.get("pool"):
            text += f" from the pool “{selection['pool']}”"
        parts.append(text)
    model = _name_of(result.details.get("llm"))
    if model:
        parts.append(f"enriched by {model}" if parts else f"language model {model}")
    encoder = _name_of(result.details.get("encoder"))
    if encoder:
        parts.append(f"texts encoded by {encoder}")
    if result.config.get("backbone"):
        parts.append(f"backbone {result.config['backbone']}")
    text = ", ".join(parts)
    return [text[0].upper() + text[1:] + "."] if text else []


def _name_of(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("model") or value.get("name")
    return str(value) if value else ""


_READINGS = {
    "better": "clearly better",
    "worse": "clearly worse",
    "unclear": "not a clear difference",
    "too few seeds": "too few seeds to judge",
}


def _best(result: Result, metric: str | None) -> str | None:
    """The arm with the best mean, for a result without an arm named after it.

    On the validation nodes where there is such a metric: the best test accuracy of
    many arms would flatter.
    """
    if metric is None:
        return None
    metric = _validated(result, metric) or metric
    means = {
        arm: spread.mean
        for arm in result.arms
        if (spread := measured(result, arm, metric)) is not None
    }
    pick = min if lower_is_better(metric) else max
    return pick(means, key=means.__getitem__) if means else None


def _validated(result: Result, metric: str) -> str | None:
    """The metric of the validation nodes that belongs to one of the test nodes."""
    valid = "val_" + metric.removeprefix("test_")
    return valid if valid in metrics_of(result) else None


def tiles_of(result: Result, metric: str | None) -> Safe:
    """The few figures to remember."""
    tiles: list[Safe] = []
    study = _compression_of(result)
    if study is not None:
        tiles += [_tile(*each) for each in _key_figures(study)]
        return tag("dl", *tiles, class_="tiles") if tiles else Safe()
    ours, base = method_arm(result) or _best(result, metric), baseline_of(result)
    if metric is not None:
        valid = _validated(result, metric)
        for name in dict.fromkeys((ours, base)):
            spread = None if name is None else measured(result, name, metric)
            if name is not None and spread is not None:
                picked = name == ours and name not in (method_arm(result), base)
                how = ", chosen on validation" if picked and valid else ""
                unit = unit_of(metric) + how
                tiles.append(_tile(name, with_spread(spread, metric), unit))
        differences = {arm.name: arm.difference for arm in arms_of(result, metric)}
        difference = differences.get(ours or "")
        if difference is not None:
            amount = with_spread(difference, metric, signed=True)
            unit = "percentage points" if is_share(metric) else metric
            reading = _READINGS[verdict(difference, metric)]
            tiles.append(_tile(f"difference to {base}", amount, f"{unit}, {reading}"))
    calls, hits = (finite(result.usage.get(key)) for key in ("calls", "cache_hits"))
    if calls is not None:
        cached = "" if hits is None else f"{plain_number(hits)} more from the cache"
        tiles.append(_tile("LLM calls", plain_number(calls), cached))
    return tag("dl", *tiles, class_="tiles") if tiles else Safe()


def _tile(label: str, value: str, small: str) -> Safe:
    number = tag("dd", value, tag("small", small))
    return tag("div", tag("dt", label), number, class_="tile")


def plural(count: int, noun: str) -> str:
    """``1 node``, ``1,200 nodes``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _compression_of(result: Result) -> Mapping[str, Any] | None:
    """The study of a language model that was compressed; it has no seeds or graph."""
    study = fields(result.details.get("study"))
    return study if study.get("kind") == "compression" else None


def _key_figures(study: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value and explanation of the few figures to remember."""
    pair = pair_of(study)
    if pair is None:
        return []
    dense, ours = pair
    shown = []
    worse, disk, left, faster = (
        ratio(ours, dense, name)
        for name in ("perplexity", "disk_bytes", "kept_parameters", "decode")
    )
    if worse is not None:
        before, after = (digits(row.get("perplexity")) for row in pair)
        small = f"dense → compressed, {times(worse)}"
        shown.append(("perplexity", f"{before} → {after}", small))
    if disk is not None:
        before, after = (millions(row.get("disk_bytes")) for row in pair)
        shown.append(("size on disk", f"{percent(disk)} %", f"{after} of {before} MB"))
    # Fewer bits leave every weight in place.
    if left is not None and left < 1:
        before, after = (millions(row.get("kept_parameters")) for row in pair)
        small = f"{after} of {before} million"
        shown.append(("weights that are not zero", f"{percent(left)} %", small))
    skipped = finite(ours.get("skipped_share"))
    if skipped is not None:
        small = "of the feed-forward layers, on the text"
        shown.append(("left out", f"{percent(skipped, 1)} %", small))
    if faster is not None:
        before, after = (digits(row.get("decode")) for row in pair)
        small = f"{after} against {before} tokens a second"
        shown.append(("decode speed", times(faster), small))
    return shown


def _compressed(result: Result, study: Mapping[str, Any]) -> list[str]:
    """What was done to which model: a sentence each."""
    config = fields(study.get("config"))
    name = str(config.get("method") or "")
    parts = [_amount(config)]
    allocation = config.get("allocate")
    allocation = fields(allocation).get("name") or allocation
    if isinstance(allocation, str) and allocation != "uniform":
        parts.append(f"shared out by {_ALLOCATIONS.get(allocation, allocation)}")
    text = fields(study.get("calibration"))
    if text:
        count, length = (plain_number(text.get(k)) for k in ("sequences", "length"))
        on = f"calibrated on {count} sequences of {length} tokens"
        parts.append(f"{on} of {text.get('name') or 'a text'}")
    repair = fields(study.get("repair"))
    if repair:
        parts.append(f"repaired by {repair.get('method') or 'training'}")
    said = ", ".join(part for part in parts if part)
    lines = [f"{_METHODS.get(name, name)}{': ' if name and said else ''}{said}."]
    size, blocks = (
        finite(result.dataset.get(key)) for key in ("num_parameters", "num_blocks")
    )
    if size is not None:
        inside = "" if blocks is None else f" in {plain_number(blocks)} blocks"
        model = result.dataset.get("name") or "The model"
        lines.append(f"{model} has {plain_number(size)} parameters{inside}.")
    return [line for line in lines if line != "."]


def _amount(config: Mapping[str, Any]) -> str:
    """How much was removed, or how finely weights are told apart."""
    number = finite(config.get("ratio"))
    share = "" if number is None else _SHARES.get(number, f"{100 * number:.3g} %")
    gone = f"{share} of {{}} removed".format if share else lambda _: ""
    blocks = config.get("blocks")
    indices = listed(blocks if isinstance(blocks, list | tuple) else [])
    match config.get("method"):
        case "magnitude" | "wanda" | "sparsegpt":
            kept, _, of = str(config.get("pattern") or "").partition(":")
            if of:
                return f"{kept} of every {of} weights in its blocks kept"
            return gone("the weights in its blocks")
        case "welore" | "uniform_svd":
            if config.get("objective") == "params":
                return gone("the weights in its blocks")
            # WeLore leaves matrices whole that would keep half of their rank or more.
            some = config.get("method") == "welore" and config.get("only_lrc", True)
            return ("up to " if some and share else "") + gone(
                "the rank of its matrices"
            )
        case "rtn" | "gptq" | "awq" | "int4":
            bits, group = config.get("bits"), finite(config.get("group_size"))
            text = "" if bits is None else f"weights of its blocks in {bits} bits, "
            size = "whole rows" if group is None else f"{plain_number(group)} weights"
            return f"{text}{size} to a scale"
        case "dynamic_int8":
            return "weights of its blocks and what they are multiplied with"
        case "ffn_width":
            return gone("the channels of its feed-forward layers")
        case "drop_blocks":
            return gone("its blocks") or (
                f"blocks {indices} removed" if indices else ""
            )
        case "drop_ffn":
            those = f"those of blocks {indices} removed" if indices else ""
            return gone("its feed-forward layers") or those
        case "ffn_skip" if config.get("mode") == "static":
            if share:
                return f"{share} of its feed-forward layers left out"
            return f"feed-forward layers of blocks {indices} left out"
        case "ffn_skip":
            bound = plain_number(config.get("threshold"))
            return f"feed-forward layers left out after a cosine of {bound} or more"
    return ""

"""The top of a report: its title, what was run, and the figures to remember."""

from collections.abc import Mapping

from graphllm.evaluate import Result
from graphllm.report.arms import METHOD_TITLES, arms_of, baseline_of, method_arm
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


def title_of(result: Result) -> str:
    """``E-LLaGNN on cora``."""
    method = METHOD_TITLES.get(result.method, result.method)
    dataset = result.dataset.get("name")
    return f"{method} on {dataset}" if dataset else method


def sentences_of(result: Result) -> list[str]:
    """What was run, in a sentence or two."""
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

"""The one record of an experiment: what ``result.json`` holds."""

import json
import math
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graphllm.errors import GraphLLMError

SCHEMA = 1
PACKAGES = (
    "graphllm",
    "torch",
    "torch-geometric",
    "torch-sparse",
    "ogb",
    "transformers",
    "sentence-transformers",
    "networkx",
    "scipy",
    "numpy",
    "xllamacpp",
    "openai",
)


def summary(values: list[float]) -> dict[str, Any]:
    """Mean and unbiased standard deviation over seeds, with the values kept.

    Args:
        values (list[float]): One number a seed.

    Returns:
        dict: ``mean``, ``std`` (``0.0`` for a single value) and ``values``. A value
        that is not finite makes both NaN.
    """
    if not all(math.isfinite(value) for value in values):
        return {"mean": math.nan, "std": math.nan, "values": list(values)}
    std = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "std": std, "values": list(values)}


@dataclass
class Result:
    """One experiment, as written to ``result.json``.

    Every number printed, plotted or documented comes from one of these.

    Args:
        method (str): Which system, for example ``"ellagnn"``.
        dataset (dict): ``name``, ``num_nodes``, ``num_edges``, ``num_classes``,
            ``fingerprint``.
        split (str): Name of the split protocol.
        seeds (list[int]): Seeds run.
        arms (dict): Arm name to metric name to ``mean``, ``std``, ``values``.
            Accuracies are shares in [0, 1].
        usage (dict): See :class:`graphllm.llm.Usage`.
        timing (dict): Stage name to seconds.
        config (dict): Every argument of the run.
        environment (dict): Versions and hardware.
        details (dict): What a report shows besides numbers: curves, examples.
    """

    method: str
    dataset: dict[str, Any]
    split: str
    seeds: list[int]
    arms: dict[str, dict[str, dict[str, Any]]]
    usage: dict[str, Any] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def save(self, path: str | Path) -> Path:
        """Write JSON; a reader never sees a half-written file."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(
            json.dumps(_finite(asdict(self)), indent=1, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
        os.replace(partial, path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Read a ``result.json`` (or a folder that holds one).

        Raises:
            GraphLLMError: If there is none or it is not of this schema.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "result.json"
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw.get("schema") != SCHEMA:
                raise GraphLLMError(
                    f"'{path}' has schema {raw.get('schema')}, this version reads "
                    f"{SCHEMA}; run the experiment again"
                )
            return cls(**raw)
        except FileNotFoundError:
            raise GraphLLMError(
                f"no result.json at '{path}'; give a folder that a run wrote"
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise GraphLLMError(f"'{path}' is not a result file ({error})") from None


def environment() -> dict[str, Any]:
    """Versions and hardware, as recorded with each result."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu_count": os.cpu_count(),
        "device": device,
        "packages": versions,
    }


def _finite(value: Any) -> Any:
    # JSON has no NaN: a missing number is null.
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value

"""``graphllm doctor``: what is installed, what is missing, what to type to add it."""

import json
import os
import platform
import re
import runpy
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from graphllm import __version__
from graphllm.cache_dir import cache_dir
from graphllm.cli import options as opt
from graphllm.errors import ModelNotFoundError
from graphllm.model_packages import PACKAGED, packaged_path

# Built from source, against the torch that is there: a plain install fails.
_COMPILED = {
    "torch-sparse": "pip install --no-build-isolation torch-sparse torch-scatter",
    "torch-scatter": "pip install --no-build-isolation torch-scatter",
}
_COMPILED_NOTE = "optional, compiles for ~40 minutes; after torch, run:"
_NOT_FOR_USERS = ("dev",)


def doctor(data_root: opt.DataRoot = None, json_: opt.Json = False) -> None:
    """Versions, accelerators, models and folders; how to add what is missing.

    Exit code 1 if a package that graphllm cannot do without is missing.
    """
    found = examine(data_root)
    if json_:
        typer.echo(json.dumps(found, indent=1))
    else:
        show(found)
    if any(package["version"] is None for package in found["packages"]):
        raise typer.Exit(1)


def examine(data_root: Path | None) -> dict[str, Any]:
    """All that ``doctor`` shows, without importing a package to look at it."""
    required, optional = requirements()
    return {
        "graphllm": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": machine(),
        "packages": required,
        "optional": optional,
        "models": models(),
        "cache": {**folder(cache_dir()), "bytes": size_of(cache_dir())},
        "data_root": None if data_root is None else folder(data_root),
    }


def requirements() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Hard and optional requirements of graphllm, as its own metadata lists them."""
    try:
        lines = requires("graphllm") or []
    except PackageNotFoundError:  # a source tree that was never installed
        lines = []
    required, optional = [], []
    for line in lines:
        spec, _, marker = (part.strip() for part in line.partition(";"))
        match = re.match(r"[A-Za-z0-9._-]+", spec)
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", marker)
        if match is None or (extra and extra[1] in _NOT_FOR_USERS):
            continue
        name = match[0]
        row = {
            "name": name,
            "version": installed(name),
            "add": _COMPILED.get(name, f'pip install "{spec}"'),
            "note": _COMPILED_NOTE if name in _COMPILED else "",
        }
        if extra is None:
            required.append(row)
        else:
            optional.append({**row, "extra": extra[1]})
    return required, optional


def installed(package: str) -> str | None:
    """Version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """Cores, memory and accelerators."""
    cores = os.cpu_count()
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cores": cores,
        "usable_cores": len(affinity(0)) if affinity is not None else cores,
        "memory_gb": memory_gb(),
        "accelerators": accelerators(),
        "torch_build": torch_build(),
    }


def memory_gb() -> float | None:
    """Main memory in GB, where the system tells."""
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return round(size / 1e9, 1) if size > 0 else None


def accelerators() -> list[str]:
    """Graphics processors, as the driver's own tool names them."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return ["Apple GPU (mps)"]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=2)
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = answer.stdout.splitlines() if answer.returncode == 0 else []
    return [line.strip() for line in lines if line.strip()]


def torch_build() -> str | None:
    """What torch was built for, from its version file."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).with_name("version.py")
    if not file.exists():
        return None
    values = runpy.run_path(str(file))
    for name in ("cuda", "hip", "xpu"):
        if values.get(name):
            return f"{name} {values[name]}"
    return "cpu"


def models() -> list[dict[str, Any]]:
    """The models that come as packages: where they are, or how to add them."""
    rows: list[dict[str, Any]] = []
    for name, (_, _, command) in PACKAGED.items():
        try:
            path: str | None = str(packaged_path(name))
        except ModelNotFoundError:
            path = None
        rows.append({"name": name, "path": path, "add": command})
    return rows


def folder(path: Path) -> dict[str, Any]:
    """Where a folder is, and whether it is there."""
    return {"path": str(path), "exists": path.is_dir()}


def size_of(path: Path) -> int:
    """Bytes in a folder; 0 where there is none."""
    total = 0
    for file in path.rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except FileNotFoundError:  # another run has just removed it
            continue
    return total


def show(found: dict[str, Any]) -> None:
    """Print what :func:`examine` found."""
    console = Console()
    heading = f"graphllm {found['graphllm']}, Python {found['python']}"
    _line(console, f"{heading}, {found['platform']}")
    machine = found["machine"]
    _section(console, "Machine")
    _row(console, "cores", f"{machine['usable_cores']} usable of {machine['cores']}")
    _row(console, "memory", f"{machine['memory_gb'] or '?'} GB")
    for name in machine["accelerators"] or ["none found"]:
        _row(console, "accelerator", name)
    _row(console, "torch build", machine["torch_build"] or "no torch")
    if machine["accelerators"] and machine["torch_build"] == "cpu":
        _row(
            console, "", "this torch cannot use the accelerator: install another build"
        )
    _section(console, "Packages")
    for row in found["packages"]:
        _package(console, row, "MISSING")
    _section(console, "Optional packages")
    for row in found["optional"]:
        _package(console, row, "not installed")
    _section(console, "Models that come as packages")
    for row in found["models"]:
        _row(console, row["name"], row["path"] or f"not installed: {row['add']}")
    _section(console, "Folders")
    _row(console, "cache", _folder(found["cache"]))
    root = found["data_root"]
    unset = "not set (--data-root or GRAPHLLM_DATA)"
    _row(console, "data root", unset if root is None else _folder(root))


def _package(console: Console, row: dict[str, Any], missing: str) -> None:
    if row["version"] is not None:
        _row(console, row["name"], row["version"])
        return
    if row["note"]:
        _row(console, row["name"], row["note"], "yellow")
        _line(console, f"    {row['add']}")
    else:
        _row(console, row["name"], f"{missing}: {row['add']}", "yellow")


def _folder(found: dict[str, Any]) -> str:
    if "bytes" not in found:
        return found["path"] + ("" if found["exists"] else " (NO SUCH FOLDER)")
    size = f"{found['bytes'] / 1e6:,.1f} MB" if found["exists"] else "not there yet"
    return f"{found['path']} ({size})"


def _section(console: Console, title: str) -> None:
    console.print()
    _line(console, title, "bold")


def _row(console: Console, name: str, value: str, style: str = "") -> None:
    _line(console, f"  {name:<22}{value}", style)


def _line(console: Console, text: str, style: str = "") -> None:
    # Never wrapped: commands and paths are there to be copied.
    console.print(Text(text, style=style), soft_wrap=True)

import json
import os
import subprocess
import sys
from importlib.metadata import requires, version

import pytest
import typer
from typer.testing import CliRunner

from graphllm.cli import doctor as module
from graphllm.cli.doctor import doctor, examine, requirements


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("GRAPHLLM_DATA", raising=False)
    app = typer.Typer(rich_markup_mode=None)
    app.command()(doctor)
    return lambda *arguments: CliRunner().invoke(
        app, list(arguments), catch_exceptions=False
    )


def test_every_requirement_is_listed_once_with_its_version():
    required, optional = requirements()
    rows = required + optional
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    declared = [line for line in requires("graphllm") if "dev" not in line]
    assert len(rows) == len(declared)
    versions = {row["name"]: row["version"] for row in rows}
    assert versions["torch"] == version("torch")
    assert versions["networkx"] == version("networkx")
    extras = {row["name"]: row["extra"] for row in optional}
    assert extras["openai"] == "api"
    assert extras["torch-sparse"] == "sparse"
    assert "pytest" not in names


def test_torch_sparse_is_called_optional_and_slow_to_build(run, monkeypatch):
    real = module.installed
    monkeypatch.setattr(
        module, "installed", lambda name: None if name == "torch-sparse" else real(name)
    )
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "torch-sparse" in line)
    assert "optional" in lines[at]
    assert "40 minutes" in lines[at]
    assert (
        "pip install --no-build-isolation torch-sparse torch-scatter" in lines[at + 1]
    )


def test_a_missing_hard_requirement_is_exit_code_1(run, monkeypatch):
    real = module.installed
    monkeypatch.setattr(
        module, "installed", lambda name: None if name == "ogb" else real(name)
    )
    result = run()
    assert result.exit_code == 1
    assert 'MISSING: pip install "ogb>=1.3.6"' in result.stdout


def test_json_is_all_there_is_on_stdout(run):
    result = run("--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["machine"]["cores"] == os.cpu_count()
    assert found["data_root"] is None


def test_models_are_found_or_come_with_their_command(run, monkeypatch):
    monkeypatch.setattr(
        module, "PACKAGED", {"tiny": ("no_such_package", "*", "pip install tiny-model")}
    )

    def missing(name):
        raise module.ModelNotFoundError(name)

    monkeypatch.setattr(module, "packaged_path", missing)
    assert examine(None)["models"] == [
        {"name": "tiny", "path": None, "add": "pip install tiny-model"}
    ]
    assert "not installed: pip install tiny-model" in run().stdout


def test_cache_folder_and_its_size(run, monkeypatch, tmp_path):
    folder = tmp_path / "somewhere"
    monkeypatch.setenv("GRAPHLLM_CACHE", str(folder))
    assert "somewhere (not there yet)" in run().stdout
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_bytes(b"x" * 1_500_000)
    assert examine(None)["cache"] == {
        "path": str(folder),
        "exists": True,
        "bytes": 1_500_000,
    }
    assert "somewhere (1.5 MB)" in run().stdout


def test_data_root(run, tmp_path):
    assert "not set" in run().stdout
    assert str(tmp_path) in run("--data-root", str(tmp_path)).stdout
    gone = run("--data-root", str(tmp_path / "gone"))
    assert "gone (NO SUCH FOLDER)" in gone.stdout


def test_accelerators_come_from_the_drivers_tool(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'Some GPU, 24000 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(module.platform, "system", lambda: "Linux")
    monkeypatch.setattr(module.shutil, "which", lambda name: str(tool))
    assert module.accelerators() == ["Some GPU, 24000 MiB"]
    tool.write_text("#!/bin/sh\necho broken; exit 9\n")
    assert module.accelerators() == []
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    assert module.accelerators() == []


def test_a_cpu_build_beside_an_accelerator_is_pointed_out(run, monkeypatch):
    monkeypatch.setattr(module, "accelerators", lambda: ["Some GPU"])
    monkeypatch.setattr(module, "torch_build", lambda: "cpu")
    assert "this torch cannot use the accelerator" in run().stdout
    monkeypatch.setattr(module, "torch_build", lambda: "cuda 13.0")
    assert "this torch cannot use" not in run().stdout


def test_torch_build_agrees_with_torch():
    import torch

    expected = f"cuda {torch.version.cuda}" if torch.version.cuda else None
    expected = expected or (f"hip {torch.version.hip}" if torch.version.hip else None)
    assert module.torch_build() == (expected or "cpu")


def test_looking_imports_nothing_heavy():
    # The package of the verbs is left out: this is about the verb itself.
    script = (
        "import sys, types\n"
        "from importlib.machinery import PathFinder\n"
        "package = types.ModuleType('graphllm.cli')\n"
        "import graphllm\n"
        "package.__path__ = [graphllm.__path__[0] + '/cli']\n"
        "sys.modules['graphllm.cli'] = package\n"
        "options = types.ModuleType('graphllm.cli.options')\n"
        "options.DataRoot = options.Json = object\n"
        "sys.modules['graphllm.cli.options'] = package.options = options\n"
        "from graphllm.cli.doctor import examine\n"
        "examine(None)\n"
        "print(sorted({'torch', 'torch_geometric', 'transformers', 'numpy'}"
        " & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr

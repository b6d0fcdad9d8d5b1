import json
import sys

import pytest

from graphllm._optional import available, require
from graphllm.errors import MissingExtraError


def test_an_installed_package_is_imported():
    assert require("json", "api", "Reading") is json
    assert require("json.decoder", "api", "Reading").__name__ == "json.decoder"


def test_a_missing_package_says_who_needs_it_and_how_to_install_it():
    with pytest.raises(MissingExtraError) as info:
        require("no_such_package", "api", "'OpenAILLM'")
    assert str(info.value) == (
        "'OpenAILLM' needs the package 'no_such_package'. "
        'Install it with: pip install "graphllm[api]"'
    )
    with pytest.raises(ImportError):
        require("no_such_package.inner", "api", "'OpenAILLM'")


def test_a_package_that_is_there_but_broken_is_not_called_missing(
    tmp_path, monkeypatch
):
    (tmp_path / "broken_package.py").write_text("import its_own_requirement\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="its_own_requirement") as info:
        require("broken_package", "api", "'OpenAILLM'")
    assert not isinstance(info.value, MissingExtraError)


def test_available_looks_without_importing(tmp_path, monkeypatch):
    (tmp_path / "loud_package.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert available("loud_package")
    assert "loud_package" not in sys.modules
    assert not available("no_such_package")

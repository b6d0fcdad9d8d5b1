from pathlib import Path

from graphllm.cache_dir import cache_dir


def test_the_environment_decides(monkeypatch, tmp_path):
    monkeypatch.setenv("GRAPHLLM_CACHE", str(tmp_path / "here"))
    assert cache_dir() == tmp_path / "here"
    assert not (tmp_path / "here").exists()


def test_the_default_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GRAPHLLM_CACHE")
    assert cache_dir() == tmp_path / ".cache" / "graphllm"
    monkeypatch.setenv("GRAPHLLM_CACHE", "  ")
    assert cache_dir() == tmp_path / ".cache" / "graphllm"


def test_a_tilde_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRAPHLLM_CACHE", "~/store")
    assert cache_dir() == Path(tmp_path) / "store"

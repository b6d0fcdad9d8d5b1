import pytest

from graphllm.datasets.locate import data_roots, download_root, find_folder
from graphllm.errors import DatasetError


@pytest.fixture
def roots(tmp_path, monkeypatch):
    given, variable = tmp_path / "given", tmp_path / "variable"
    given.mkdir()
    variable.mkdir()
    monkeypatch.setenv("GRAPHLLM_DATA", str(variable))
    return given, variable, tmp_path / "cache" / "datasets"


def put(root, *names):
    (root / "toy").mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / "toy" / name).write_text("")


def test_order_is_argument_variable_cache(roots):
    given, variable, cache = roots
    assert data_roots(given) == [given, variable, cache]
    assert download_root() == cache
    assert not cache.exists()


def test_first_complete_place_wins(roots):
    given, variable, cache = roots
    files = ["a", "b"]
    assert find_folder("toy", files, given) is None
    put(cache, "a", "b")
    assert find_folder("toy", files, given) == cache / "toy"
    put(variable, "a", "b")
    assert find_folder("toy", files, given) == variable / "toy"
    put(given, "a")
    assert find_folder("toy", files, given) == variable / "toy"
    put(given, "b")
    assert find_folder("toy", files, given) == given / "toy"
    assert find_folder("toy", files) == variable / "toy"


def test_named_folders_have_to_exist(tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"the data root '.*no' is not a directory"):
        data_roots(tmp_path / "no")
    monkeypatch.setenv("GRAPHLLM_DATA", "/no/such")
    with pytest.raises(DatasetError, match="GRAPHLLM_DATA '/no/such' is not a dir"):
        data_roots()


def test_blank_variable_is_none(monkeypatch):
    monkeypatch.setenv("GRAPHLLM_DATA", " ")
    assert len(data_roots()) == 1

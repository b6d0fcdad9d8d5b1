import pytest
import torch

from graphllm.datasets.raw_texts import classes_by_size, read_raw_texts
from graphllm.errors import DatasetError


@pytest.fixture
def file(tmp_path):
    def _file(**entries):
        torch.save(entries, tmp_path / "raw.pt")
        return tmp_path / "raw.pt"

    return _file


def test_reads_and_normalises(file):
    raw = read_raw_texts(
        file(
            raw_texts=["a  b\n", "c"],
            edge_index=torch.tensor([[0, 1, 0], [1, 1, 1]]),
            y=torch.tensor([[1], [0]]),
        )
    )
    assert raw.texts == ["a b", "c"]
    assert raw.edge_index.tolist() == [[0, 1], [1, 0]]
    assert raw.y.tolist() == [1, 0]


@pytest.mark.parametrize("name", ["raw_texts", "edge_index", "y"])
def test_an_entry_is_missing(file, name):
    entries = {"raw_texts": [], "edge_index": torch.empty(2, 0), "y": torch.empty(0)}
    del entries[name]
    with pytest.raises(DatasetError, match=f"'{name}' is missing"):
        read_raw_texts(file(**entries))


def test_nothing_is_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    torch.save({"raw_texts": Evil()}, tmp_path / "raw.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        read_raw_texts(tmp_path / "raw.pt")
    assert not (tmp_path / "made").exists()


def test_classes_are_known_by_their_size():
    y = torch.tensor([2, 0, 2, 1, 2, 1])
    assert classes_by_size(y, [2, 3, 1]).tolist() == [1, 2, 1, 0, 1, 0]


@pytest.mark.parametrize("sizes", [[1, 2, 4], [3, 3], [6]])
def test_other_sizes(sizes):
    with pytest.raises(DatasetError, match="are expected"):
        classes_by_size(torch.tensor([2, 0, 2, 1, 2, 1]), sizes)


def test_sizes_that_do_not_tell_classes_apart():
    with pytest.raises(DatasetError, match="are expected"):
        classes_by_size(torch.tensor([0, 1]), [1, 1])

import pytest

from graphllm.datasets.edges_file import read_edges
from graphllm.errors import DatasetError


def edges(write, content, ids=("a", "7", "c d")):
    return read_edges(write(edges_csv=content) / "edges.csv", ids)


def test_order_of_the_file_and_positions_of_the_ids(write):
    content = "source,target,weight\nc d,a,1\n7, c d ,2\na,a,3\n"
    assert edges(write, content).tolist() == [[2, 1, 0], [0, 2, 0]]


def test_only_a_header_is_a_graph_without_edges(write):
    assert edges(write, "target,source\n").shape == (2, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("source,target\na,7\nb,a\n", "line 3: the source 'b' is no node"),
        ("source,target\na,\n", "line 2: the target '' is no node"),
        ("from,to\na,7\n", "line 1: the header has no column 'source'"),
        ("source,target\na\n", "line 2: 1 cells"),
        ("", "the file is empty"),
    ],
)
def test_what_is_wrong_and_where(write, content, message):
    with pytest.raises(DatasetError, match=message):
        edges(write, content)


def test_missing_file(tmp_path):
    with pytest.raises(DatasetError, match=r"edges.csv: there is no such file"):
        read_edges(tmp_path / "edges.csv", [])

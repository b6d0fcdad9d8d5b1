import json

import pytest

from graphllm.datasets.labels import encode_labels, read_label_names
from graphllm.errors import DatasetError


@pytest.mark.parametrize(
    ("labels", "classes", "names"),
    [
        (["b", "a", None, "b"], [1, 0, -1, 1], ["a", "b"]),
        ([10, 9, 10], [1, 0, 1], ["9", "10"]),
        (["10", "9", "-1"], [2, 1, 0], ["-1", "9", "10"]),
        (["10", "9", "x"], [0, 1, 2], ["10", "9", "x"]),
        ([1, "1"], [0, 0], ["1"]),
        ([None], [-1], []),
    ],
)
def test_without_names(labels, classes, names):
    y, found = encode_labels(labels)
    assert y.tolist() == classes
    assert found == names


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", None], [0, 1, -1]),  # by name
        ([1, 0, 2], [1, 0, 2]),  # by position
        (["1", "c"], [1, 2]),
    ],
)
def test_with_names(labels, classes):
    y, names = encode_labels(labels, ["b", "a", "c"])
    assert y.tolist() == classes
    assert names == ["b", "a", "c"]


def test_a_name_comes_before_a_position():
    assert encode_labels(["1", 0], ["1", "0"])[0].tolist() == [0, 1]


@pytest.mark.parametrize("label", ["d", 3, -1, "3"])
def test_unknown_label(label):
    with pytest.raises(DatasetError, match=f"label '{label}' is not among .*: b, a, c"):
        encode_labels([label], ["b", "a", "c"])


def test_names_file(tmp_path):
    path = tmp_path / "label_names.json"
    path.write_text(json.dumps(["b", "a"]))
    assert read_label_names(path) == ["b", "a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}', "expected a list of strings"),
        ("[1]", "expected a list of strings"),
        ('["a", "a"]', "a label name is there twice"),
        ("[", "broken JSON"),
        ("", "the file is empty"),
    ],
)
def test_wrong_names_file(tmp_path, content, message):
    path = tmp_path / "label_names.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_label_names(path)

import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphllm.datasets.nodes_file import read_nodes
from graphllm.errors import DatasetError


def test_jsonl(write):
    folder = write(
        nodes_jsonl='{"id": 7, "text": "a", "label": "x", "split": "train"}\n'
        "\n"
        '{"id": "b", "text": "", "label": null, "extra": [1]}\n'
        '{"id": "c", "text": "c", "label": 3, "split": "Validation"}'
    )
    table = read_nodes(folder / "nodes.jsonl")
    assert table.ids == ["7", "b", "c"]
    assert table.text == ["a", "", "c"]
    assert table.labels == ["x", None, 3]
    assert table.splits == ["train", None, "val"]
    assert table.full_text == []


def test_csv(write):
    folder = write(
        nodes_csv='id,text,label,split\n1,"one, two",x,test\nzwei,,,\n3,drei, y ,valid\n'
    )
    table = read_nodes(folder / "nodes.csv")
    assert table.ids == ["1", "zwei", "3"]
    assert table.text == ["one, two", "", "drei"]
    assert table.labels == ["x", None, "y"]
    assert table.splits == ["test", None, "val"]


def test_full_text(write):
    folder = write(nodes_jsonl='{"id": 0, "text": "a", "full_text": "all"}')
    assert read_nodes(folder / "nodes.jsonl").full_text == ["all"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_long_text(write, form):
    long = "word " * 40_000
    content = f'id,text\n0,"{long}"\n'
    if form == "jsonl":
        content = f'{{"id": 0, "text": "{long}"}}\n'
    before = csv.field_size_limit()
    table = read_nodes(write(**{f"nodes_{form}": content}) / f"nodes.{form}")
    assert table.text == [long]
    assert csv.field_size_limit() == before


@given(st.lists(st.text(), max_size=5))
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_text_survives_jsonl(write, texts):
    import json

    lines = [json.dumps({"id": i, "text": t}) for i, t in enumerate(["", *texts])]
    table = read_nodes(write(nodes_jsonl="\n".join(lines)) / "nodes.jsonl")
    assert table.text == ["", *texts]


def test_separators_of_unicode_do_not_end_a_line(write):
    folder = write(nodes_jsonl='{"id": 0, "text": "a\u2028b\u0085c"}\n')
    assert read_nodes(folder / "nodes.jsonl").text == ["a\u2028b\u0085c"]


OK = '{"id": "a", "text": ""}\n'
WRONG_JSONL = {
    "broken": (OK + "{oops\n", "line 2: broken JSON"),
    "list": (OK + "[1]\n", "line 2: expected a JSON object .* .got list"),
    "no id": ('{"text": ""}\n', "line 1: the column 'id' is missing"),
    "id type": ('{"id": 1.5, "text": ""}\n', "line 1: 'id' must be a string or an int"),
    "id bool": ('{"id": true, "text": ""}\n', "'id' must be a string or an integer"),
    "id empty": ('{"id": " ", "text": ""}\n', "line 1: 'id' is empty"),
    "twice": (OK + "\n" + OK, "line 3: id 'a' was used before in line 1"),
    "same id": (
        '{"id": 1, "text": ""}\n{"id": "1", "text": ""}\n',
        "line 2: id '1' was used before",
    ),
    "no text": ('{"id": 0}\n', "line 1: the column 'text' is missing; use ''"),
    "text type": ('{"id": 0, "text": null}\n', "'text' must be a string .got NoneType"),
    "label type": (
        '{"id": 0, "text": "", "label": 1.0}\n',
        "line 1: 'label' must be a string or an integer .got float",
    ),
    "split": (
        '{"id": 0, "text": "", "label": 1, "split": "dev"}\n',
        "line 1: unknown split 'dev'; use train, val or test",
    ),
    "split type": (
        '{"id": 0, "text": "", "label": 1, "split": 1}\n',
        "unknown split '1'",
    ),
    "split without label": (
        '{"id": "a", "text": "", "split": "train"}\n',
        "line 1: node 'a' is in the split 'train' but has no label",
    ),
    "some full_text": (
        OK + '{"id": "b", "text": "", "full_text": "x"}\n',
        "1 of 2 nodes have a 'full_text'",
    ),
    "full_text type": (
        '{"id": "b", "text": "", "full_text": 3}\n',
        "'full_text' must be a string",
    ),
}


@pytest.mark.parametrize("case", WRONG_JSONL)
def test_wrong_jsonl(write, case):
    content, message = WRONG_JSONL[case]
    path = write(nodes_jsonl=content) / "nodes.jsonl"
    with pytest.raises(DatasetError, match=message) as error:
        read_nodes(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\n0,a\n", "line 1: the header has no column 'text'"),
        ("id,text\n0,a\n1,b,c\n", "line 3: 3 cells where the header has 2"),
        ("id,text\n0,a\n0,b\n", "line 3: id '0' was used before in line 2"),
        ('id,text\n0,"a\nb"\n0,c\n', "line 4: id '0' was used before in line 2"),
        ("id,text\n", "there are no nodes in it"),
    ],
)
def test_wrong_csv(write, content, message):
    with pytest.raises(DatasetError, match=message):
        read_nodes(write(nodes_csv=content) / "nodes.csv")

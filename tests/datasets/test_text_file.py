import pytest

from graphllm.datasets.text_file import read_csv_rows, read_utf8
from graphllm.errors import DatasetError


@pytest.fixture
def file(tmp_path):
    def _file(raw):
        path = tmp_path / "some.csv"
        path.write_bytes(raw)
        return path

    return _file


def rows(path, *required):
    return list(read_csv_rows(path, required or ("a", "b")))


def test_utf8_with_and_without_mark(file):
    assert read_utf8(file("Ã\n".encode())) == "Ã\n"
    assert read_utf8(file(b"\xef\xbb\xbfid")) == "id"


def test_other_encoding_names_the_line(file):
    with pytest.raises(DatasetError, match=r"some.csv, line 3: not UTF-8 .byte 0xe9"):
        read_utf8(file("a\nb\ncafé\nd".encode("latin-1")))


@pytest.mark.parametrize("raw", [b"", b"  \n\n"])
def test_empty_file(file, raw):
    with pytest.raises(DatasetError, match=r"some.csv: the file is empty"):
        read_utf8(file(raw))


def test_missing_file(tmp_path):
    with pytest.raises(DatasetError, match=r"no.csv: there is no such file"):
        read_utf8(tmp_path / "no.csv")


def test_a_directory_in_its_place(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_utf8(tmp_path)


def test_rows_know_the_line_they_begin_at(file):
    path = file(b'a,b\n1,"two\nlines"\n\n3,4\r\n')
    assert rows(path) == [
        (2, {"a": "1", "b": "two\nlines"}),
        (5, {"a": "3", "b": "4"}),
    ]


def test_header_may_have_capitals_spaces_and_more_columns(file):
    assert rows(file(b" A , B, c\n1, 2,3\n")) == [(2, {"a": "1", "b": "2", "c": "3"})]


def test_only_a_header(file):
    assert rows(file(b"a,b\n")) == []


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a,c\n", r"line 1: the header has no column 'b' \(it has: a, c\)"),
        (b"\na,b,a\n", "line 2: the column 'a' is there twice"),
        (b"a,b\n1,2\n3\n", "line 3: 1 cells where the header has 2"),
        (b"a,b\n1,2,3\n", r"line 2: 3 cells .* double quotes"),
        (b'a,b\n1,2\n3,"4\n', "line 3: broken CSV"),
    ],
)
def test_what_is_wrong_and_where(file, raw, message):
    with pytest.raises(DatasetError, match=message):
        rows(file(raw))

import pytest

from graphllm.datasets.wordnet_parser import (
    DATA_FILES,
    LEXICOGRAPHER_FILES,
    Synset,
    read_synsets,
)
from graphllm.errors import DatasetError

LICENCE = "  1 This software and database is being provided to you  \n"


@pytest.fixture
def dictionary(tmp_path):
    content = {
        "noun": "00001740 03 n 01 entity 0 001 ~ 00001930 n 0000 | that which is  \n"
        "00001930 05 n 02 hot_dog 0 dog 1 002 @ 00001740 n 0000 "
        '+ 00002000 a 0101 | a food; "a | b"  \n',
        # frames follow the pointers of verbs
        "verb": "00001740 29 v 01 breathe 0 000 02 + 02 00 + 08 00 | draw air  \n",
        # a satellite with its position, 16 words would be written as 10
        "adj": "00002000 00 s 01 galore(ip) 0 000 | in great numbers  \n",
        "adv": "00001740 02 r 01 a_cappella 0 000 | without music  \n",
    }
    for name, lines in content.items():
        (tmp_path / f"data.{name}").write_text(LICENCE + lines)
    return tmp_path


def test_by_hand(dictionary):
    assert list(read_synsets(dictionary)) == [
        Synset("00001740-n", 3, ("entity",), "that which is", ("00001930-n",)),
        Synset(
            "00001930-n",
            5,
            ("hot dog", "dog"),
            'a food; "a | b"',
            ("00001740-n", "00002000-a"),
        ),
        Synset("00001740-v", 29, ("breathe",), "draw air", ()),
        Synset("00002000-a", 0, ("galore",), "in great numbers", ()),
        Synset("00001740-r", 2, ("a cappella",), "without music", ()),
    ]


def test_number_of_words_is_hexadecimal(dictionary):
    words = " ".join(f"w{i} 0" for i in range(16))
    line = f"00003000 02 r 10 {words} 000 | many words\n"
    with (dictionary / "data.adv").open("a") as file:
        file.write(line)
    *_, last = read_synsets(dictionary)
    assert last.lemmas == tuple(f"w{i}" for i in range(16))


def test_names_of_lexicographer_files():
    assert len(LEXICOGRAPHER_FILES) == 45
    at = {3: "noun.Tops", 5: "noun.animal", 28: "noun.time", 29: "verb.body"}
    assert {i: LEXICOGRAPHER_FILES[i] for i in at} == at
    assert LEXICOGRAPHER_FILES[44] == "adj.ppl"


@pytest.mark.parametrize(
    "line",
    [
        "00003000 02 r 01 word 0 000 no gloss",
        "00003000 02 r 01 word 0 001 ~ 0000 | a pointer cut off",
        "00003000 45 r 01 word 0 000 | no such lexicographer file",
        "00003000 02 | short",
        "Guten Tag",
    ],
)
def test_broken_line(dictionary, line):
    (dictionary / "data.adv").write_text(LICENCE + line + "\n")
    with pytest.raises(
        DatasetError, match=r"data.adv, line 2: not a line of a WordNet"
    ):
        list(read_synsets(dictionary))


@pytest.mark.parametrize("name", DATA_FILES)
def test_missing_file(dictionary, name):
    (dictionary / name).unlink()
    with pytest.raises(DatasetError, match=f"{name}: there is no such file"):
        list(read_synsets(dictionary))

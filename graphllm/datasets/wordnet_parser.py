"""Reads the data files of a WordNet dictionary."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from graphllm.datasets.text_file import read_utf8
from graphllm.errors import DatasetError

DATA_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")

# Names of the lexicographer files 0 to 44 (manual page lexnames(5WN)).
LEXICOGRAPHER_FILES = tuple(
    """adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact
    noun.attribute noun.body noun.cognition noun.communication noun.event noun.feeling
    noun.food noun.group noun.location noun.motive noun.object noun.person
    noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation
    noun.shape noun.state noun.substance noun.time verb.body verb.change verb.cognition
    verb.communication verb.competition verb.consumption verb.contact verb.creation
    verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative
    verb.weather adj.ppl""".split()
)


class Synset(NamedTuple):
    """A set of words with one meaning.

    Args:
        name (str): Offset and part of speech, ``"00001740-n"``; satellite
            adjectives count as adjectives.
        lexfile (int): Number of its lexicographer file.
        lemmas (tuple[str, ...]): Its words, spaces as spaces.
        gloss (str): Definition and examples.
        pointers (tuple[str, ...]): Names of the synsets it points to.
    """

    name: str
    lexfile: int
    lemmas: tuple[str, ...]
    gloss: str
    pointers: tuple[str, ...]


def read_synsets(folder: Path) -> Iterator[Synset]:
    """All synsets: nouns, verbs, adjectives, adverbs, each in the order of its file.

    Args:
        folder (Path): Folder with ``data.noun``, ``data.verb``, ``data.adj`` and
            ``data.adv`` in the format wndb(5WN).

    Yields:
        Synset: One a line.

    Raises:
        DatasetError: With file and line, if a file is missing or broken.
    """
    for name in DATA_FILES:
        path = folder / name
        for line, raw in enumerate(read_utf8(path).split("\n"), 1):
            if not raw or raw.startswith("  "):  # the licence
                continue
            try:
                yield _parse(raw)
            except (ValueError, IndexError):
                raise DatasetError(
                    f"{path}, line {line}: not a line of a WordNet data file"
                ) from None


def _parse(line: str) -> Synset:
    head, separator, gloss = line.partition(" | ")
    if not separator:
        raise ValueError
    cells = head.split()
    end_of_words = 4 + 2 * int(cells[3], 16)
    lemmas = tuple(_lemma(word) for word in cells[4:end_of_words:2])
    num_pointers = int(cells[end_of_words])
    start = end_of_words + 1
    pointers = cells[start : start + 4 * num_pointers]
    if len(pointers) != 4 * num_pointers:
        raise ValueError
    lexfile = int(cells[1])
    if lexfile >= len(LEXICOGRAPHER_FILES):
        raise ValueError
    return Synset(
        name=_name(cells[0], cells[2]),
        lexfile=lexfile,
        lemmas=lemmas,
        gloss=gloss.strip(),
        pointers=tuple(map(_name, pointers[1::4], pointers[2::4])),
    )


def _name(offset: str, part_of_speech: str) -> str:
    return f"{offset}-{'a' if part_of_speech == 's' else part_of_speech}"


def _lemma(word: str) -> str:
    # adjectives may carry their position: "galore(ip)"
    return word.partition("(")[0].replace("_", " ")

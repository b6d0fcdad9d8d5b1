import io
import tarfile
from dataclasses import replace

import pytest

import graphllm.datasets.wikispeedia as module
from graphllm.data import graph_fingerprint
from graphllm.datasets import Wikispeedia
from graphllm.datasets.manifest import RemoteFile, load_manifest
from graphllm.datasets.wikispeedia import (
    build_wikispeedia,
    lead_of,
    prepare_wikispeedia,
    read_articles,
)
from graphllm.errors import DatasetError

LONG = "A sentence about the subject that goes on for a while. " * 4
ARTICLES = "# names\n\n%C3%85land\nAnt_%28insect%29\nNo_text\nZebra\n"
CATEGORIES = (
    "%C3%85land\tsubject.Countries\n"
    "%C3%85land\tsubject.Geography.Europe\n"
    "Ant_%28insect%29\tsubject.Science.Biology\n"
)
LINKS = (
    "# from to\nZebra\t%C3%85land\nZebra\tNo_text\nAnt_%28insect%29\tZebra\n"
    "Zebra\tAnt_%28insect%29\n"
)


def archive(texts):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, text in texts.items():
            content = text.encode()
            member = tarfile.TarInfo(f"plaintext_articles/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return raw.getvalue()


@pytest.fixture
def tables(tmp_path):
    for name, content in (
        ("articles.tsv", ARTICLES),
        ("categories.tsv", CATEGORIES),
        ("links.tsv", LINKS),
    ):
        (tmp_path / name).write_text(content)
    packed = archive(
        {
            "%C3%85land.txt": f"   #copyright\n\nÅland\n\n   {LONG}\n   {LONG}\n",
            "Ant_(insect).txt": LONG,
            "Zebra.txt": "short",
            "README": "not an article",
        }
    )
    (tmp_path / "articles.tar.gz").write_bytes(packed)
    return tmp_path


def test_tables_and_texts_come_together(tables):
    names = ("articles.tsv", "categories.tsv", "links.tsv")
    texts = read_articles(tables / "articles.tar.gz")
    data = build_wikispeedia(*(tables / name for name in names), texts)
    assert data.text == [
        "Åland: " + " ".join((LONG + LONG).split()),
        "Ant (insect): " + LONG.strip(),
        "Zebra: ",
    ]
    assert data.label_names == ["Countries", "Science"]
    assert data.y.tolist() == [0, 1, -1]
    pairs = set(zip(*data.edge_index.tolist(), strict=True))
    assert pairs == {(2, 0), (1, 2), (2, 1)}


def test_lead_keeps_long_paragraphs_up_to_2000_characters():
    exact, below = "x" * 120, "y" * 119
    assert lead_of(f"{below}\n\n{exact}\n  \n{exact}") == f"{exact} {exact}"
    # what counts is the length without surplus white space
    assert lead_of("a     " * 30) == ""
    assert len(lead_of("word " * 1000)) == 2000


def test_lead_of_a_real_article():
    # Infobox and long paragraph of the article "Booby": captions and lists are short
    article = """   #copyright

Booby

2007 Schools Wikipedia Selection. Related subjects: Birds

                  iBoobies
   Red-footed Booby, Sula sula
   Red-footed Booby, Sula sula
         Scientific classification

   Kingdom: Animalia
   Phylum:  Chordata
   Class:   Aves
   Order:   Pelecaniformes
   Family:  Sulidae
   Genus:   Papasula
            Olsen & Warhett, 1988
   Genus:   Sula
            Brisson, 1760

                                   Species

     * Papasula abbotti

     * Sula nebouxii
     * Sula variegata
     * Sula dactylatra
     * Sula granti
     * Sula sula
     * Sula leucogaster

   For fossil species, see text
   The boobies are part of the family Sulidae, a group of seabirds closely
   related to gannets.
"""
    assert lead_of(article) == (
        "Kingdom: Animalia Phylum: Chordata Class: Aves Order: Pelecaniformes "
        "Family: Sulidae Genus: Papasula Olsen & Warhett, 1988 Genus: Sula Brisson, "
        "1760 For fossil species, see text The boobies are part of the family "
        "Sulidae, a group of seabirds closely related to gannets."
    )


@pytest.mark.data
def test_the_same_article_in_the_prepared_files(data_root):
    texts = Wikispeedia(data_root)[0].text
    booby = next(text for text in texts if text.startswith("Booby: "))
    assert booby.startswith("Booby: Kingdom: Animalia Phylum: Chordata Class: Aves")
    assert "see text The boobies are part of the family Sulidae, a group" in booby


def test_broken_table(tables):
    (tables / "links.tsv").write_text("a\tb\nonly one\n")
    names = ("articles.tsv", "categories.tsv", "links.tsv")
    with pytest.raises(DatasetError, match=r"links.tsv, line 2: 1 cells, expected 2"):
        build_wikispeedia(*(tables / name for name in names), {})


def test_broken_archive(tables):
    packed = (tables / "articles.tar.gz").read_bytes()
    (tables / "articles.tar.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DatasetError, match="not a readable archive"):
        read_articles(tables / "articles.tar.gz")


@pytest.fixture
def published(tables, server, monkeypatch):
    names = ("articles.tsv", "categories.tsv", "links.tsv", "articles.tar.gz")
    for name in names:
        server.files[name] = (tables / name).read_bytes()
    manifest = replace(
        load_manifest("wikispeedia"),
        downloads=tuple(RemoteFile(f"raw/{n}", server.url + n) for n in names),
        label_names=("Countries", "Science"),
        fingerprint=None,
    )
    monkeypatch.setattr(module, "load_manifest", lambda name: manifest)
    return manifest


def test_made_from_what_is_published(published, server):
    data = Wikispeedia()[0]
    assert data.num_edges == 4
    assert Wikispeedia(undirected=False)[0].num_edges == 3
    assert len(server.requests) == 4


def test_another_graph_than_expected(published, monkeypatch):
    wrong = replace(published, fingerprint="0" * 16)
    monkeypatch.setattr(module, "load_manifest", lambda name: wrong)
    with pytest.raises(DatasetError, match="not the graph 'wikispeedia'"):
        prepare_wikispeedia()


@pytest.mark.data
def test_real_files(data_root):
    dataset = Wikispeedia(data_root)
    assert dataset.num_classes == 15
    directed = Wikispeedia(data_root, undirected=False)[0]
    assert directed.num_edges == 119769
    assert graph_fingerprint(directed) != graph_fingerprint(dataset[0])
    assert dataset[0].is_undirected()

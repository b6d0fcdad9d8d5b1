import json

import pytest
import typer
from typer.testing import CliRunner

from graphllm.cli.datasets import datasets
from graphllm.datasets import dataset_names, from_edges, write_text_graph
from graphllm.errors import GraphLLMError, UnknownNameError


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("GRAPHLLM_DATA", raising=False)
    app = typer.Typer(rich_markup_mode=None)
    app.command()(datasets)
    return lambda *arguments: CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )


def test_the_list_names_every_data_set_and_fits_80_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = run()
    lines = done.stdout.splitlines()
    first = [line.split()[0] for line in lines if line[:1].isalpha()]
    assert set(dataset_names()) <= set(first)
    assert max(map(len, lines)) <= 80


def test_the_list_as_json(run):
    done = run("--json")
    assert done.stderr == ""
    cards = {card["name"]: card for card in json.loads(done.stdout)}
    assert sorted(cards) == dataset_names()
    assert cards["cora"]["num_nodes"] == 2708
    assert cards["cora"]["location"] is None
    assert cards["cora"]["if_missing"] == "download"
    assert cards["pydocs"]["if_missing"] == "build"


def test_one_card(run):
    text = run("cora").stdout
    for shown in ("2,708", "planetoid-public", "not here; downloaded when", "licence"):
        assert shown in text


@pytest.mark.data
def test_where_the_files_are(run, data_root):
    card = json.loads(run("cora", "--data-root", data_root, "--json").stdout)
    assert card["location"] == str(data_root / "cora")


def test_an_unknown_name_lists_the_choices(run):
    with pytest.raises(UnknownNameError, match="Did you mean 'cora'"):
        run("corra")


def test_a_directory_is_read_and_counted(run, tmp_path):
    graph = from_edges(["one", "two", "three"], [(0, 1), (1, 2)], ["a", "b", "a"])
    write_text_graph(graph, tmp_path / "mine")
    card = json.loads(run(tmp_path / "mine", "--json").stdout)
    assert card["num_nodes"] == 3
    assert card["label_names"] == ["a", "b"]
    assert len(card["fingerprint"]) == 16
    text = " ".join(run(tmp_path / "mine").stdout.split())
    assert "a text graph of your own" in text


def test_a_directory_that_is_no_graph(run, tmp_path):
    with pytest.raises(GraphLLMError):
        run(tmp_path)

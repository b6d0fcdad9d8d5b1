from types import SimpleNamespace

import pytest
import torch

from graphllm.cli import setup
from graphllm.cli.progress import Bars
from graphllm.errors import (
    BudgetError,
    GraphLLMError,
    TextGraphError,
    UnknownNameError,
)


@pytest.fixture
def bars():
    with Bars() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nodes.csv").write_text(
        "id,text,label\na,one star,x\nb,two stars,x\nc,an oven,y\nd,a pan,y\n"
    )
    (tmp_path / "edges.csv").write_text("source,target\na,b\nc,d\nb,c\n")
    return tmp_path


def test_own_files_get_a_random_split(folder, bars):
    data, split = setup.load_data(str(folder), None, None, bars)
    assert split == "random-20-30-per-class"
    assert data.text == ["one star", "two stars", "an oven", "a pan"]


def test_masks_in_the_file_are_the_default_split(folder, bars):
    (folder / "nodes.csv").write_text(
        "id,text,label,split\na,s,x,train\nb,s,x,val\nc,s,y,test\nd,s,y,train\n"
    )
    assert setup.load_data(str(folder), None, None, bars)[1] == "file"
    split = "random-60-20-20"
    assert setup.load_data(str(folder), None, split, bars)[1] == split


def test_labels_and_names_are_needed(folder, bars):
    (folder / "nodes.csv").write_text("id,text\na,s\nb,s\nc,s\nd,s\n")
    with pytest.raises(TextGraphError, match="no labels"):
        setup.load_data(str(folder), None, None, bars)
    with pytest.raises(UnknownNameError, match="split 'half'"):
        setup.load_data(str(folder), None, "half", bars)


def test_options_that_nobody_reads_are_refused():
    given = SimpleNamespace(kl_weight=None, steps=5)
    defaults = {"kl_weight": 0.1, "steps": 100}
    with pytest.raises(GraphLLMError, match=r"^'--steps' says nothing$"):
        setup.settle(given, defaults, False, "says nothing")
    assert given == SimpleNamespace(kl_weight=None, steps=5)
    setup.settle(given, defaults, True, "says nothing")
    assert given == SimpleNamespace(kl_weight=0.1, steps=5)


def test_zero_is_something_that_was_said():
    given = SimpleNamespace(kl_weight=0.0)
    setup.settle(given, {"kl_weight": 0.1}, True, "")
    assert given.kl_weight == 0.0
    with pytest.raises(GraphLLMError, match="--kl-weight"):
        setup.settle(given, {"kl_weight": 0.1}, False, "")


def test_spending_limits_as_typed():
    budget = setup.spending(5, None, 1.0, "0.15, 0.6")
    assert (budget.max_calls, budget.max_cost) == (5, 1.0)
    assert budget.price.completion == 0.6
    for price in ("0.15", "a,b", "1,2,3"):
        with pytest.raises(GraphLLMError, match="PROMPT,COMPLETION"):
            setup.spending(None, None, None, price)
    with pytest.raises(GraphLLMError, match=r"needs a 'price'.*--price"):
        setup.spending(None, None, 1.0, None)


def test_names_are_checked_before_anything_slow():
    options = (2, 8, 0.5, "mix", 0.01, 0.0, 1, 1)
    assert setup.training("gcn", *options).fusion == "mix"
    with pytest.raises(UnknownNameError, match="backbone 'gcm'"):
        setup.training("gcm", *options)
    with pytest.raises(UnknownNameError, match="fusion 'sum'"):
        setup.training("gcn", 2, 8, 0.5, "sum", 0.01, 0.0, 1, 1)
    assert setup.prompt_names(" expand, keywords ,") == ["expand", "keywords"]
    with pytest.raises(UnknownNameError, match="prompt 'expnd'"):
        setup.prompt_names("expnd")


def test_the_pool_and_the_budget_fit(tiny):
    assert setup.check_pool(tiny, "file", 6, "all", 2, 3) == "all"
    with pytest.raises(BudgetError, match=r"\[1, 6\]"):
        setup.check_pool(tiny, "file", 7, "all", 2, 1)
    with pytest.raises(UnknownNameError, match="pool 'everyone'"):
        setup.check_pool(tiny, "file", 1, "everyone", 2, 1)


def test_an_output_folder_that_cannot_be(tmp_path):
    setup.check_out(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphLLMError, match=r"cannot write into.*--out"):
        setup.check_out(tmp_path / "file" / "x")


def test_features_are_kept_between_runs(tiny, bars):
    _, first = setup.encode_text("tfidf", tiny, bars)
    again = setup.encode_text("tfidf", tiny, bars)[1]
    assert first.shape[0] == 6
    assert torch.equal(first, again)


def test_the_wording_fits_the_data(tiny):
    tiny.name = "cora"
    assert setup.domain_of(tiny, None) == "citation"
    assert setup.domain_of(tiny, "wiki") == "wiki"
    tiny.name = "mine"
    assert setup.domain_of(tiny, None) == "generic"


def test_a_replay_file_behind_the_cache(tmp_path, bars):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id": 0, "text": "hello"}\n')
    limits = setup.spending(None, None, None, None)
    store = tmp_path / "answers.sqlite"
    with setup.open_llm(f"replay:{path}", None, None, limits, store, bars) as llm:
        assert "answers.jsonl" in llm.model

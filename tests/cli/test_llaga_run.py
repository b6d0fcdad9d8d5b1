import inspect
from types import SimpleNamespace

import pytest
import torch

from graphllm.cli import llaga_run
from graphllm.cli.llaga import llaga
from graphllm.cli.llaga_run import Stages, run
from graphllm.cli.progress import Bars
from graphllm.datasets import write_text_graph
from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.evaluate import Result
from graphllm.testing import sbm_text_graph
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llm")
    tokenizer = byte_tokenizer(chat=True)
    tiny_llm("llama", tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def given(tmp_path, llm):
    write_text_graph(sbm_text_graph(60), tmp_path / "graph")
    signature = inspect.signature(llaga).parameters
    options = {name: parameter.default for name, parameter in signature.items()}
    small = {
        "dataset": str(tmp_path / "graph"),
        "llm": str(llm),
        "encoder": "tfidf",
        "device": "cpu",
        "out": tmp_path / "out",
        "arms": "llaga",
        "epochs": 1,
        "hops": 1,
    }
    return SimpleNamespace(**options | small)


def spy(monkeypatch, name):
    """Catches what an experiment is called with."""
    seen = []

    def record(*args, **options):
        seen.append((args, options))
        return Result("llaga", {}, "s", [0], {})

    monkeypatch.setattr(llaga_run, name, record)
    return seen


def test_the_result_says_what_only_the_command_knows(given):
    result = run(given)
    assert result.config["encoder"] == "tfidf"
    assert result.config["max_eval"] is None
    assert result.details["llm"]["model"] == result.config["llm"]
    # Nothing was asked in words.
    assert result.usage == {}
    assert {"data", "encode", "train llaga"} <= set(result.timing)


def test_options_reach_the_experiment(given, monkeypatch):
    seen = spy(monkeypatch, "run_llaga_nodes")
    given.template, given.hops, given.pad_mode = "nd", 4, "pe"
    given.seeds, given.domain, given.dtype = 3, "wiki", "bfloat16"
    given.max_eval = 7
    run(given)
    (_, x, model, template), options = seen[0]
    assert x.size(0) == 60
    assert template.num_neighbors == (10, 10)
    assert options["max_eval"] == 7
    assert model.model.dtype == torch.bfloat16
    assert options["pad_mode"] == "pe"
    assert list(options["seeds"]) == [0, 1, 2]
    assert options["domain"] == "wiki"
    assert options["folder"] == given.out
    assert options["split"] == "file"


def test_a_graph_without_masks_is_split_60_20_20(given, tmp_path, monkeypatch):
    data = sbm_text_graph(60)
    for name in ("train_mask", "val_mask", "test_mask"):
        del data[name]
    write_text_graph(data, tmp_path / "whole")
    given.dataset = str(tmp_path / "whole")
    seen = spy(monkeypatch, "run_llaga_nodes")
    run(given)
    given.split = "random-20-30-per-class"
    run(given)
    splits = [options["split"] for _, options in seen]
    assert splits == ["random-60-20-20", "random-20-30-per-class"]


def test_transfer_encodes_all_graphs_in_one_space(given, tmp_path, monkeypatch):
    for number in (1, 2):
        write_text_graph(sbm_text_graph(30, seed=number), tmp_path / f"g{number}")
    odd = sbm_text_graph(30, seed=3)
    odd.text = ["unheard words" for _ in odd.text]
    write_text_graph(odd, tmp_path / "odd")
    given.train, given.test = f"{tmp_path}/g1,{tmp_path}/g2", f"{tmp_path}/odd"
    given.dataset = given.arms = None
    given.max_eval = 9
    seen = spy(monkeypatch, "run_llaga_transfer")
    run(given)
    (train, test, *_), options = seen[0]
    assert len(train) == 2
    assert len({x.size(1) for _, x in [*train, *test]}) == 1
    # The encoder has not read the graph that is tried.
    assert not test[0][1].any()
    assert options["max_eval"] == 9
    assert options["domains"] == ["generic"] * 3


@pytest.mark.parametrize("task", ["nc", "lp", "desc"])
def test_a_graph_that_will_not_do_costs_no_model(given, tmp_path, monkeypatch, task):
    data = sbm_text_graph(6, p_in=0.0, p_out=0.0)
    data.y = torch.full((6,), -1)
    for name in ("train_mask", "val_mask", "test_mask"):
        del data[name]
    write_text_graph(data, tmp_path / "poor")
    given.dataset, given.task, given.arms = str(tmp_path / "poor"), task, None
    monkeypatch.setattr(llaga_run.TransformersLLM, "from_pretrained", None)
    with pytest.raises(TextGraphError):
        run(given)


def test_names_are_refused_before_anything_is_loaded(given):
    given.dataset, given.task = "/no/such/graph", "cn"
    with pytest.raises(GraphLLMError, match="task"):
        run(given)


def test_each_training_has_a_bar_of_its_own(monkeypatch):
    seen = []
    monkeypatch.setattr(Bars, "update", lambda self, *args: seen.append(args))
    stages = Stages(Bars())
    for step in (1, 2, 2, 1):
        stages.update("train", step, 2)
    stages.update("read", 0, 1)
    assert [stage for stage, _, _ in seen] == [
        *["train"] * 2,
        "train 2",
        "train 3",
        "read",
    ]

import pytest
import torch

from graphllm.cli import studies
from graphllm.cli.progress import Bars
from graphllm.enhance import Enhancer
from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.experiments import Ledger, Training
from graphllm.llm import CachedLLM
from graphllm.selection import DegreeSelector, PageRankSelector
from graphllm.testing import ScriptedLLM, sbm_text_graph


@pytest.fixture
def shared(tmp_path):
    """What every study takes: data, enhancer, x, split, seeds, ..., bars."""
    data = sbm_text_graph(60)
    llm = CachedLLM(ScriptedLLM(lambda r: "star, orbit"), tmp_path / "answers.sqlite")

    def encode(texts):
        rows = [[float(text.count(c)) for c in "aeiorst"] for text in texts]
        return torch.tensor(rows).view(-1, 7) + 0.1

    enhancer = Enhancer(
        *(llm, ["expand", "keywords"], encode, DegreeSelector(), 6), pool="all"
    )
    training = Training(hidden_channels=4, epochs=1, num_layers=1)
    ledger = Ledger(tmp_path / "trainings.jsonl")
    x = encode(data.text)
    return data, enhancer, x, "file", [0, 1], training, ledger, Bars()


def test_names_of_studies():
    for name in ("budget", "prompts", "depth", "slices", "llm-free"):
        assert studies.check_study(name) == name
    with pytest.raises(UnknownNameError, match=r"'width'.*slices"):
        studies.check_study("width")


def test_selectors_by_name():
    found = studies.parse_selectors(" pagerank, degree ,")
    assert list(found) == ["pagerank", "degree"]
    assert isinstance(found["pagerank"], PageRankSelector)
    with pytest.raises(UnknownNameError, match="'charm'"):
        studies.parse_selectors("pagerank,charm")
    with pytest.raises(GraphLLMError, match=r"'--selectors ,' names no selector"):
        studies.parse_selectors(",")


def test_budgets_are_shares_or_counts():
    assert studies.parse_budgets("1.0,0, 0.05,0.05") == [0, 0.05, 1.0]
    assert studies.parse_budgets("100,5") == [5, 100]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.1,many", "'many' is not a budget"),
        ("0.1,1.5", r"'--budgets 0.1,1.5' has 1.5; give shares from 0 to 1"),
        ("-3", "has -3; give shares"),
        ("nan", "has nan; give shares"),
        ("0", "has none above 0"),
        ("", "has none above 0"),
        ("0.1,10", "mixes shares and counts"),
    ],
)
def test_budgets_that_make_no_sense(text, message):
    with pytest.raises(BudgetError, match=message):
        studies.parse_budgets(text)


def test_the_budget_study(shared):
    options = {"selectors": "degree", "budgets": "0,0.1,0.5"}
    plan = studies.plan("budget", *shared[:5], **options)
    result = studies.budget_study(*shared, **options, shuffled=True)
    arms = {f"{s}@{b}" for s in ("random", "degree") for b in (0.1, 0.5)}
    assert {"plain", *arms} < set(result.arms)
    assert "degree@0.5_shuffled" in result.arms
    assert len(shared[1].llm.llm.calls) == plan.calls
    assert "train" in shared[-1].seconds


def test_the_prompts_study(shared):
    plan = studies.plan("prompts", *shared[:5], selectors="", budgets="")
    result = studies.prompts_study(*shared)
    names = [row["prompt"] for row in result.details["study"]["rows"]]
    assert list(dict.fromkeys(names)) == ["expand", "keywords", "together"]
    assert len(shared[1].llm.llm.calls) == plan.calls == 12


def test_the_slices_study(shared):
    plan = studies.plan("slices", *shared[:5], selectors="", budgets="")
    result = studies.slices_study(*shared)
    assert list(result.arms) == ["plain", "ellagnn", "ellagnn_llm_at_test"]
    assert len(shared[1].llm.llm.calls) == plan.calls == 12

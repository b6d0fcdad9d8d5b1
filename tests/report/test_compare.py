import re

import pytest

from graphllm.evaluate import Result, summary
from graphllm.report import write_comparison
from graphllm.report.compare import tokens_of, warnings_of


def run_of(gain=0.0, **changes):
    arms = {
        "plain": {"test_acc": summary([0.7, 0.8]), "val_acc": summary([0.7, 0.7])},
        "ellagnn": {"test_acc": summary([0.7 + gain, 0.8 + gain])},
    }
    fields = {
        "method": "ellagnn",
        "dataset": {"name": "toy", "fingerprint": "00ff"},
        "split": "file",
        "seeds": [0, 1],
        "arms": arms,
        "usage": {
            "calls": 17,
            "cache_hits": 3,
            "prompt_tokens": 1000,
            "completion_tokens": 234,
            "cost": 0.5,
        },
        "timing": {"encode": 30.0, "train": 45.0},
    }
    return Result(**{**fields, **changes})


def cells(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [
        [re.sub("<[^>]*>", "", c) for c in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


def test_rows_of_runs_and_arms_by_hand(tmp_path):
    out = tmp_path / "new" / "all.html"
    assert write_comparison([("a", run_of()), ("b", run_of(0.05))], out) == out
    rows = cells(out.read_text(encoding="utf-8"))
    assert rows[0] == [
        *("run", "method", "data set", "split", "seeds"),
        *("calls", "cached", "tokens", "cost", "time"),
    ]
    assert rows[1] == [
        *("a", "E-LLaGNN", "toy", "file", "2", "17", "3", "1,234", "0.500", "75 s")
    ]
    assert rows[3] == ["run", "arm", "test_acc %", "val_acc %", "n"]
    assert rows[4] == ["a", "plain", "75.0 ± 7.1", "70.0 ± 0.0", "2"]
    assert rows[7] == ["b", "ellagnn", "80.0 ± 7.1", "–", "2"]


def test_loads_nothing_and_escapes_names(tmp_path):
    evil = "<script>alert(1)</script>"
    runs = [(evil, run_of(split=evil)), ("b", run_of(dataset={"name": evil}))]
    html = write_comparison(runs, tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"https?://", html)


def test_a_single_run_needs_no_warning():
    assert warnings_of([("a", run_of())]) == []
    assert warnings_of([("a", run_of()), ("b", run_of(0.1))]) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            {"dataset": {"name": "other", "fingerprint": "00ff"}},
            "data sets: toy; other",
        ),
        (
            {"dataset": {"name": "toy", "fingerprint": "1"}},
            "versions of the data: 00ff; 1",
        ),
        ({"split": "random"}, "splits: file; random"),
        ({"seeds": [3, 4]}, "seeds: 0, 1; 3, 4"),
    ],
)
def test_says_when_runs_are_not_comparable(change, word):
    warnings = warnings_of([("a", run_of()), ("b", run_of(**change))])
    assert len(warnings) == 1
    assert word in warnings[0]


def test_other_metrics_get_their_column_and_plot(tmp_path):
    arms = {"dense": {"perplexity": summary([12.5])}, "pruned": {}}
    runs = [("a", run_of()), ("b", run_of(method="compress", arms=arms))]
    html = write_comparison(runs, tmp_path / "c.html").read_text(encoding="utf-8")
    assert "perplexity" in cells(html)[3]
    assert html.count("<figure>") == 2
    assert "12.5" in html


def test_missing_everything(tmp_path):
    empty = Result("m", {}, "", [], {})
    path = write_comparison([("a", empty), ("b", empty)], tmp_path / "c.html")
    assert "Comparison of 2 runs" in path.read_text(encoding="utf-8")


def test_tokens():
    assert tokens_of(run_of()) == 1234
    assert tokens_of(run_of(usage={"prompt_tokens": 5})) == 5
    assert tokens_of(run_of(usage={})) is None

from graphllm.evaluate import Result, summary
from graphllm.report.head import plural, sentences_of, tiles_of, title_of


def test_title():
    assert title_of(Result("ladling", {"name": "cora"}, "", [], {})) == (
        "Graph Ladling on cora"
    )
    assert title_of(Result("new", {}, "", [], {})) == "new"


def test_what_was_run_in_words(result):
    assert sentences_of(result) == [
        "8 arms over 5 seeds of the split random-20-30-per-class, on a graph of "
        "3,592 nodes, 11,611 edges, 15 classes.",
        "100 nodes chosen by pagerank from the pool “train+neighbors”, enriched by "
        "SmolLM2-135M-Instruct, texts encoded by minilm, backbone sage.",
    ]


def test_tiles_name_the_arm_they_speak_of():
    arms = {
        "dense": {"test_acc": summary([0.5, 0.5, 0.5])},
        "sparse": {"test_acc": summary([0.6, 0.6, 0.6])},
    }
    html = tiles_of(Result("mog", {}, "s", [0, 1, 2], arms), "test_acc")
    assert "<dt>sparse</dt><dd>60.0 ± 0.0" in html
    assert "<dt>dense</dt><dd>50.0 ± 0.0" in html
    assert "difference to dense</dt><dd>+10.0 ± 0.0" in html
    assert "percentage points, clearly better" in html


def test_the_best_arm_is_the_lowest_where_less_is_better():
    arms = {"a": {"loss": summary([2.0])}, "b": {"loss": summary([1.0])}}
    html = tiles_of(Result("m", {}, "s", [0], arms), "loss")
    assert html.index("<dt>b</dt>") < html.index("<dt>a</dt>")


def test_no_numbers_no_tiles():
    assert tiles_of(Result("m", {}, "s", [], {}), None) == ""


def test_plural():
    assert plural(1, "node") == "1 node"
    assert plural(1200, "node") == "1,200 nodes"

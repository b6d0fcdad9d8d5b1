import pytest

from graphllm.evaluate import Result, summary
from graphllm.report import write_report
from graphllm.report.llaga import MAX_CARDS, explanations_section, training_section

EVIL = "</div></svg><script>alert(1)</script>"


def explanation(**change):
    return {
        "items": [3],
        "truth": "theory",
        "answer": "theory",
        "probability": 0.931,
        "template": {"name": "nd", "num_neighbors": [2]},
        "nodes": [[3, 5, -1]],
        "attribution": [[0.2, -0.1, 0.0]],
        "texts": {"3": "on the learning of lines", "5": "on planes"},
        **change,
    }


@pytest.fixture
def llaga():
    arms = {
        "llaga": {"test_acc": summary([0.8])},
        "gcn": {"test_acc": summary([0.7])},
    }
    facts = {"epoch": 5, "step": 816, "seconds": 400.0, "samples_per_s": 4.07}
    details = {
        "baseline": "gcn",
        "training": {"llaga": facts},
        "checkpoints": {"llaga": "llaga-12ab"},
        "curves": {"llaga": {"train_loss": [2.0, 1.0], "val_acc": [0.5, 0.6]}},
        "explanations": [explanation()],
    }
    return Result("llaga", {"name": "cora"}, "s", [0], arms, details=details)


def test_training_facts(llaga):
    html = training_section(llaga)
    for shown in ("816", "6 min 40 s", "4.07", "llaga-12ab", "questions a second"):
        assert shown in html


def test_a_right_and_a_wrong_answer(llaga):
    llaga.details["explanations"].append(explanation(answer="rules", items=[3, 5]))
    html = explanations_section(llaga)
    assert "theory (93 % among the candidates)" in html
    assert "truth: theory" in html
    assert html.count("truth:") == 1
    assert html.count(">right<") == html.count(">wrong<") == 1
    assert "node 3 and node 5" in html
    assert "speaks against it" in html


def test_the_graph_of_a_transfer_is_named(llaga):
    llaga.details["explanations"] = [explanation(graph="citeseer")]
    assert "node 3 of citeseer" in explanations_section(llaga)


def test_not_too_many_cards(llaga):
    llaga.details["explanations"] = [explanation()] * 20
    assert explanations_section(llaga).count('class="example"') == MAX_CARDS


def test_broken_explanations_are_left_out_and_good_ones_stay(llaga):
    broken = [explanation(nodes=None), None, "text", explanation(items=7, texts=[])]
    llaga.details["explanations"] = broken
    assert explanations_section(llaga).count('class="example"') == 1
    llaga.details["explanations"] = broken[:3]
    assert explanations_section(llaga) == ""


@pytest.mark.parametrize("nonsense", [None, [], {}, "text", 3, [None], {"a": None}])
def test_nothing_to_show(llaga, nonsense, tmp_path):
    for name in ("training", "checkpoints", "explanations"):
        llaga.details[name] = nonsense
    assert training_section(llaga) == ""
    assert explanations_section(llaga) == ""
    del llaga.details["curves"]
    assert "LLaGA on cora" in write_report(llaga, tmp_path).read_text("utf-8")


def test_texts_cannot_break_out(llaga):
    llaga.details["explanations"] = [
        explanation(truth=EVIL, answer=EVIL, texts={"3": EVIL, "5": EVIL}, graph=EVIL)
    ]
    llaga.details["training"] = {EVIL: {"epoch": EVIL}}
    llaga.details["checkpoints"] = {EVIL: EVIL}
    html = training_section(llaga) + explanations_section(llaga)
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") >= 8


def test_both_are_on_the_page(llaga, tmp_path):
    page = write_report(llaga, tmp_path).read_text("utf-8")
    assert "Training the projector" in page
    assert "What answers rest on" in page
    # The baseline has no curve: it is not said to be drawn.
    assert "By epoch, first seed (seed 0).<" in page

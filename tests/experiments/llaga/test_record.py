import pytest

from graphllm.experiments.llaga.record import as_result, with_texts


def outcome(acc, **more):
    return {"metrics": {"test_acc": acc}, **more}


def trained(acc, number):
    facts = {"epoch": 2, "step": 8, "seconds": 1.5 * number, "samples_per_s": 9.0}
    curves = {"train_loss": [2.0, 1.0], "val": [0.1 * number, 0.2]}
    told = {"items": [1], "nodes": [[1, 3, -1]], "attribution": [[0.1, 0.2, 0.0]]}
    return outcome(
        acc, **facts, **curves, explanations=[told], checkpoint=f"llaga-{number}"
    )


@pytest.fixture
def runs():
    return {
        "llaga": [trained(0.8, 1), trained(0.6, 2)],
        "gcn": [outcome(0.5), outcome(0.5)],
    }


def result(tiny, runs, **options):
    settings = {"baseline": "gcn", "config": {"task": "nc"}, **options}
    return as_result(tiny, "file", (0, 1), runs, **settings)


def test_summaries_and_curves(tiny, runs):
    found = result(tiny, runs)
    assert found.method == "llaga"
    assert found.arms["llaga"]["test_acc"]["values"] == [0.8, 0.6]
    assert found.arms["gcn"]["test_acc"]["mean"] == 0.5
    assert found.timing == {"train llaga": 4.5}
    assert found.details["baseline"] == "gcn"
    assert found.details["arm_notes"].keys() == {"llaga", "gcn"}
    assert found.details["curves"] == {
        "llaga": {"train_loss": [2.0, 1.0], "val_acc": [0.1, 0.2]}
    }
    assert found.details["training"]["llaga"]["seconds"] == 1.5
    assert found.details["checkpoints"] == {"llaga": "llaga-1"}
    assert found.config == {"task": "nc", "split": "file", "seeds": [0, 1]}
    texts = found.details["explanations"][0]["texts"]
    assert texts == {"1": tiny.text[1], "3": tiny.text[3]}
    # What a ledger holds is left as it was.
    assert "texts" not in runs["llaga"][0]["explanations"][0]


def test_what_can_be_said_otherwise(tiny, runs):
    del runs["llaga"]
    shared = [trained(0.8, 1), trained(0.6, 2)]
    found = result(
        *(tiny, runs),
        baseline="not run",
        trained={"both": shared},
        curve="val_auc",
        details={"more": 1},
        notes={"gcn": "a note", "sage": "of an arm that was not run"},
    )
    assert found.details["baseline"] == "gcn"
    assert found.details["curves"]["both"]["val_auc"] == [0.1, 0.2]
    assert found.details["more"] == 1
    assert found.details["arm_notes"] == {"gcn": "a note"}
    assert found.timing == {"train both": 4.5}


def test_texts_are_beginnings(tiny):
    tiny.text[2] = "x" * 500
    told = {"items": [2, 0], "nodes": [[2, -1], [0, 5]]}
    (found,) = with_texts([told], tiny)
    assert found["texts"] == {"0": tiny.text[0], "2": "x" * 160, "5": tiny.text[5]}

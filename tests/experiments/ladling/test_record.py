import json

import pytest

from graphllm.evaluate import Result
from graphllm.experiments.ladling import Recipe
from graphllm.experiments.ladling.measure import Stages
from graphllm.experiments.ladling.record import as_result
from graphllm.experiments.ladling.repeat import Repeat


def repeat(shift):
    accuracies = {"mean_ingredient": 0.5, "best_by_validation": 0.6, "gis": 0.7}
    curve = {"alphas": [0.0, 0.5, 1.0], "losses": [1.0, 2.0 + shift, 1.0]}
    return Repeat(
        metrics={
            arm: {"test_acc": value + shift, "val_acc": value}
            for arm, value in accuracies.items()
        },
        soups={"gis": {"weights": [0.5, 0.5], "accepted": [0, 1]}},
        gain=[{"num_ingredients": 2, "gis": 0.7 + shift}],
        barriers={"shared": {**curve, "height": 1.0 + shift}},
        ingredients=[{"seed": 1, "epoch": 3}],
    )


def test_repeats_are_summarised(sbm, tmp_path):
    sbm.name = "sbm"
    stages = Stages()
    with stages.stage("train"):
        pass
    done = [repeat(0.0), repeat(0.1)]
    result = as_result(sbm, "file", [0, 1], done, Recipe(), stages, granularity=6)
    assert result.method == "ladling"
    assert result.arms["gis"]["test_acc"]["values"] == pytest.approx([0.7, 0.8])
    assert result.config["subgraphs"] == "FullGraph()"
    assert result.config["granularity"] == 6
    study = result.details["study"]
    (row,) = study["rows"]
    assert row["arm"] == "gis"
    assert row["over_best"]["mean"] == pytest.approx(0.1)
    assert row["over_mean"]["mean"] == pytest.approx(0.2)
    assert study["gain"][0]["gis"]["mean"] == pytest.approx(0.75)
    barrier = study["barriers"]["shared"]
    assert barrier["losses"] == pytest.approx([1.0, 2.05, 1.0])
    assert barrier["heights"] == pytest.approx([1.0, 1.1])
    assert len(study["soups"]["gis"]) == 2
    assert set(study["stages"]["train"]) == {"seconds", "peak_rss_mb"}
    json.dumps(result.details)
    path = result.save(tmp_path / "result.json")
    assert Result.load(path).arms.keys() == result.arms.keys()

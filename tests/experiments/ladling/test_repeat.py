import pytest
import torch

from graphllm.experiments.ladling import METHODS, Job, Vmapped
from graphllm.experiments.ladling.measure import Stages
from graphllm.experiments.ladling.reading import Reader
from graphllm.experiments.ladling.repeat import BARRIER_POINTS, Kitchen
from graphllm.soup import average


@pytest.fixture
def cooked(graph, jobs_of, tmp_path):
    def cook(methods=METHODS, **options):
        jobs = jobs_of(seeds=range(4), epochs=10, **options)
        own = [Job(j.recipe, j.factory, 10 + k, j.seed) for k, j in enumerate(jobs)]
        trained = Vmapped().run(graph, [*jobs, *own], tmp_path)
        stages = Stages()
        kitchen = Kitchen(jobs[0].factory, graph, methods, 6, stages)
        return kitchen.cook(trained[:4], trained[4:]), trained, jobs[0].factory, stages

    return cook


@pytest.mark.parametrize("norm", [None, "batch_norm"])
def test_arms_by_their_definition(graph, cooked, norm):
    done, trained, factory, stages = cooked(norm=norm)
    reader = Reader(factory, graph)
    shared = [each.state_dict for each in trained[:4]]
    own = [each.state_dict for each in trained[4:]]
    scores = [reader.scores(state, recalibrate=False) for state in shared]
    alone = [reader.accuracies(each) for each in scores]
    again = [reader.scores(state) for state in shared]

    assert done.metrics["mean_ingredient"]["test_acc"] == pytest.approx(
        sum(each["test_acc"] for each in alone) / 4
    )
    best = max(range(4), key=lambda k: trained[k].score.rank)
    assert done.metrics["best_by_validation"] == alone[best]
    assert ("best_recalibrated" in done.metrics) == (norm is not None)
    assert done.metrics["ensemble"] == reader.accuracies(torch.stack(again).mean(0))
    for arm, states in (("uniform", shared), ("different_init", own)):
        expected = reader.accuracies(reader.scores(average(states)))
        assert done.metrics[arm] == expected
    for arm in ("greedy", "gis"):
        soup = done.soups[arm]
        state = average(shared, soup["weights"])
        assert done.metrics[arm] == reader.accuracies(reader.scores(state))
        assert soup["score"][0] == pytest.approx(done.metrics[arm]["val_acc"])
        # Never worse than the best ingredient, under equal BatchNorm.
        floor = max(reader.accuracies(each)["val_acc"] for each in again)
        assert done.metrics[arm]["val_acc"] >= floor - 1e-9
    assert set(METHODS) <= set(done.metrics)
    assert {"score", "gis", "gain", "barrier", "read"} <= set(stages.seconds)


@pytest.mark.parametrize("backbone", ["gcn", "sage"])
def test_parts_make_a_soup_of_their_own(cooked, backbone):
    done, _, _, _ = cooked(methods=("partition_learned",), backbone=backbone)
    (soup,) = done.soups.values()
    assert torch.tensor(soup["weights"]).sum(dim=0).tolist() == pytest.approx([1, 1])
    assert done.metrics["partition_learned"]["val_acc"] > 0.4


def test_gain_ends_with_all_ingredients(cooked):
    done, _, _, _ = cooked()
    assert [row["num_ingredients"] for row in done.gain] == [2, 3, 4]
    last = done.gain[-1]
    for arm in ("mean_ingredient", "best_by_validation", "uniform", "gis"):
        assert last[arm] == pytest.approx(done.metrics[arm]["test_acc"]), arm


def test_barriers_tell_basins_apart(cooked):
    done, _, _, _ = cooked()
    shared, different = done.barriers["shared"], done.barriers["different"]
    assert len(shared["losses"]) == len(shared["alphas"]) == BARRIER_POINTS
    assert shared["height"] < different["height"]


def test_only_what_is_asked_for_is_made(cooked):
    done, _, _, stages = cooked(methods=("gis",))
    assert set(done.metrics) == {"mean_ingredient", "best_by_validation", "gis"}
    assert set(done.soups) == {"gis"}
    assert "learned" not in stages.seconds

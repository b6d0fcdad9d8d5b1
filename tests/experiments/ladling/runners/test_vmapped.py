import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling import InProcess, Vmapped, can_stack
from graphllm.loader import RandomParts
from graphllm.models.backbones import call_backbone
from graphllm.soup import recalibrate_batchnorm

BACKBONES = ["gcn", "sage", "gcnii", "jknet", "resgcn", "sgc"]


def scores(graph, job, ingredient):
    """Class scores, with BatchNorm measured anew.

    A bias before BatchNorm has no gradient but rounding noise, which Adam blows up to
    full steps; it changes nothing else.
    """
    model = job.factory().eval()
    model.load_state_dict(ingredient.state_dict)

    def run(model):
        return call_backbone(model, graph.x, graph.edge_index, None)

    recalibrate_batchnorm(model, run)
    with torch.no_grad():
        return run(model)


@pytest.mark.parametrize(
    ("backbone", "sparse"),
    [*((name, False) for name in BACKBONES), ("gcn", True), ("sage", True)],
)
@pytest.mark.parametrize("norm", [None, "batch_norm"])
def test_ingredients_are_those_trained_one_by_one(
    graph, jobs_of, tmp_path, backbone, norm, sparse
):
    if sparse:
        graph.x = graph.x * (torch.rand(graph.x.shape) < 0.04)
    options = {"backbone": backbone, "norm": norm, "eval_every": 4}
    jobs = [
        *jobs_of(seeds=(0, 1), **options),
        *jobs_of(seeds=(0,), init_seed=1, **options),
    ]
    alone = InProcess().run(graph, jobs, tmp_path / "a")
    wide = Vmapped(width=2).run(graph, jobs, tmp_path / "b")
    for job, one, other in zip(jobs, alone, wide, strict=True):
        assert (one.epoch, one.seed) == (other.epoch, other.seed)
        if norm is None:
            assert one.val_acc == pytest.approx(other.val_acc, abs=1e-9)
        expected, got = (scores(graph, job, each) for each in (one, other))
        assert torch.allclose(expected, got, atol=1e-4)
        assert other.seconds > 0


def test_who_stops_early_leaves_and_the_others_go_on(graph, jobs_of, tmp_path):
    jobs = jobs_of(seeds=range(5), epochs=40, patience=2, lr=0.05)
    alone = InProcess().run(graph, jobs, tmp_path / "a")
    saved = []
    wide = Vmapped().run(
        graph, jobs, tmp_path / "b", lambda stage, done, total: saved.append(done)
    )
    epochs = [each.epoch for each in alone]
    assert len(set(epochs)) > 1, "all stop together; the test shows nothing"
    assert [each.epoch for each in wide] == epochs
    # Each is on disk as soon as it stops.
    assert saved == [0, 1, 2, 3, 4, 5]
    for job, one, other in zip(jobs, alone, wide, strict=True):
        expected, got = (scores(graph, job, each) for each in (one, other))
        assert torch.allclose(expected, got, atol=1e-3)


def test_finished_ingredients_are_not_trained_again(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=(0, 1, 2))
    first = InProcess().run(graph, jobs[1:2], tmp_path)
    made = Vmapped().run(graph, jobs, tmp_path)
    equal(made[1], first[0])
    assert made[1].seconds == first[0].seconds
    assert [each.seed for each in made] == [0, 1, 2]


def test_random_state_is_left_alone(graph, jobs_of, tmp_path):
    before = torch.get_rng_state()
    Vmapped().run(graph, jobs_of(), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_cannot_be_stacked_is_refused(graph, jobs_of, tmp_path):
    for options in ({"backbone": "gat"}, {"subgraphs": RandomParts(4, 2)}):
        jobs = jobs_of(**options)
        assert not can_stack(jobs[0])
        with pytest.raises(GraphLLMError, match="use another runner"):
            Vmapped().run(graph, jobs, tmp_path)
    with pytest.raises(GraphLLMError, match="must share recipe and network"):
        Vmapped().run(graph, [*jobs_of(), *jobs_of(lr=0.5)], tmp_path)
    with pytest.raises(GraphLLMError, match="'width' must be at least 1"):
        Vmapped(0)
    assert can_stack(jobs_of()[0])

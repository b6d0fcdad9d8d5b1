import pytest

from graphllm.errors import ModelNotFoundError
from graphllm.experiments.ladling.runners.shelf import Shelf


def test_every_argument_has_a_file_of_its_own(graph, jobs_of, tmp_path):
    jobs = [
        *jobs_of(seeds=(0, 1)),
        *jobs_of(seeds=(0,), init_seed=1),
        *jobs_of(seeds=(0,), lr=0.02),
        *jobs_of(seeds=(0,), hidden_channels=9),
    ]
    paths = Shelf(graph, jobs, tmp_path).paths
    assert len(set(paths)) == len(jobs)
    assert Shelf(graph, jobs, tmp_path).paths == paths
    graph.train_mask = ~graph.val_mask
    assert not set(Shelf(graph, jobs, tmp_path).paths) & set(paths)


def test_finished_ingredients_are_found_and_told(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=(0, 1, 0))
    seen = []
    shelf = Shelf(graph, jobs, tmp_path, lambda *args: seen.append(args))
    # The third is the first: it is trained once.
    assert shelf.pending() == [0, 1]
    made = jobs[0].train(graph)
    shelf.put(0, made)
    assert seen == [("train", 0, 3), ("train", 2, 3)]
    assert shelf.found(0)
    assert not shelf.found(1)
    again = Shelf(graph, jobs, tmp_path)
    assert again.pending() == [1]
    with pytest.raises(ModelNotFoundError, match="no ingredient at"):
        again.all()
    again.put(1, jobs[1].train(graph))
    first, _, third = again.all()
    equal(first, made)
    equal(third, made)

import os
import signal
import threading
import time
from importlib.util import find_spec

import pytest

from graphllm._optional import available
from graphllm.errors import GraphLLMError, MissingExtraError
from graphllm.experiments.ladling import InProcess, Ray
from graphllm.experiments.ladling.runners.shelf import Shelf

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed (extra 'ray')"
)


def ray_here(**options):
    return Ray(num_cpus=2, object_store_mb=100, **options)


def workers():
    """Numbers of the processes of Ray that run a task of ours, as they name it."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline") as file:
                    if file.read().startswith("ray::_train"):
                        found.append(int(entry))
            except OSError:
                continue
    return found


@needs_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tasks_give_the_ingredients_of_this_process(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=range(4), norm="batch_norm")
    alone = InProcess().run(graph, jobs, tmp_path / "a")
    # What a driver that died has left behind.
    alone[0].save(Shelf(graph, jobs, tmp_path / "b").paths[0])
    seen = []
    made = ray_here().run(
        graph, jobs, tmp_path / "b", lambda stage, done, total: seen.append(done)
    )
    for one, other in zip(alone, made, strict=True):
        equal(one, other)
    assert made[0].worker == alone[0].worker
    assert alone[0].worker not in {each.worker for each in made[1:]}
    assert seen == [1, 2, 3, 4]


@needs_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_loses_nothing(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=range(3), epochs=800, patience=800, dropout=0.2)
    shelf = Shelf(graph, jobs, tmp_path / "b")
    killed, kept = [], {}

    def kill():
        while not killed:
            done = [path for path in shelf.paths if path.exists()]
            for number in workers() if done else ():
                kept.update({path: path.stat().st_mtime_ns for path in done})
                os.kill(number, signal.SIGKILL)
                killed.append(number)
                return
            time.sleep(0.1)

    threading.Thread(target=kill, daemon=True).start()
    made = Ray(num_cpus=1, object_store_mb=100).run(graph, jobs, tmp_path / "b")
    assert killed, "all was finished before a worker could be killed"
    # What was finished was not touched, what was lost was trained again.
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    alone = InProcess().run(graph, jobs, tmp_path / "a")
    for one, other in zip(alone, made, strict=True):
        equal(one, other)


@needs_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_machines_share_the_work(graph, jobs_of, tmp_path, equal):
    """Two raylets on this machine, each with one processor."""
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(
        initialize_head=True, head_node_args={**node, "include_dashboard": False}
    )
    try:
        cluster.add_node(**node)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False)
        assert len(ray.nodes()) == 2
        jobs = jobs_of(seeds=range(4), epochs=1000, patience=1000)
        made = Ray().run(graph, jobs, tmp_path / "b")
        # Each had one processor, and both worked.
        assert len({each.worker for each in made}) >= 2
        assert ray.is_initialized(), "who started Ray also stops it"
    finally:
        ray.shutdown()
        cluster.shutdown()
    alone = InProcess().run(graph, jobs[:2], tmp_path / "a")
    for one, other in zip(alone, made, strict=False):
        equal(one, other)


@needs_ray
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there_is_one_line(graph, jobs_of, tmp_path):
    with pytest.raises(GraphLLMError, match="cannot reach Ray at '127"):
        Ray(address="127.0.0.1:1").run(graph, jobs_of(), tmp_path)


@pytest.mark.skipif(available("ray"), reason="Ray is installed")
def test_without_ray_the_extra_is_named(graph, jobs_of, tmp_path):
    with pytest.raises(MissingExtraError, match=r"graphllm\[ray\]"):
        Ray().run(graph, jobs_of(), tmp_path)


def test_what_is_finished_needs_no_ray(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=(0,))
    (made,) = InProcess().run(graph, jobs, tmp_path)
    equal(Ray().run(graph, jobs, tmp_path)[0], made)


def test_retries_below_zero_are_refused():
    with pytest.raises(GraphLLMError, match="'max_retries' must be >= 0"):
        Ray(max_retries=-1)

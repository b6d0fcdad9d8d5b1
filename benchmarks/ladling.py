"""What do training at once, several processes and fast scores save a soup?

GCN of two layers, dropout 0.5, on the citation graphs of Planetoid with the public
split; everything in this process has one thread. The two sides of a comparison take
turns, ratios are taken within a turn, processor seconds stand beside the wall clock.

* ``vmap``: 16 ingredients on Cora as one wide network, against one after the other;
  seconds of an epoch of all of them, files and set-up included.
* ``processes``: ingredients on PubMed by two worker processes of one thread each,
  against one; what starting the workers takes is measured apart, and is in the times.
* ``gis``: the greedy interpolation of 10 ingredients of Cora with fast scores, set-up
  included, against the whole network on the whole graph for every mixture; the same
  soup. On bags of words, and on dense features of 384 numbers (a class centre and
  Gaussian noise, of length one).
* ``ray``: two workers of a local Ray, one killed while it trains; what was finished
  stays as it is, and all ingredients are those of this process, bit by bit. Without Ray
  a line says so.

Parts that are not chosen stay in the record as they are.

    python benchmarks/ladling.py --data-root DIR
    python benchmarks/ladling.py --data-root DIR --part vmap gis
    python benchmarks/ladling.py --data-root DIR --small
"""

import argparse
import json
import os
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.datasets import PlanetoidText
from graphllm.evaluate import environment
from graphllm.experiments.ladling import (
    Ingredient,
    InProcess,
    Job,
    Processes,
    Ray,
    Recipe,
    Runner,
    Scorer,
    Vmapped,
    bare_graph,
    plain_factory,
)
from graphllm.experiments.ladling.ingredient import score_of
from graphllm.experiments.ladling.runners.shelf import Shelf
from graphllm.soup import (
    Evaluate,
    SoupResult,
    greedy_interpolated_soup,
    recalibrate_batchnorm,
)

RESULTS = Path(__file__).parent / "results" / "ladling.json"
SMALL = {
    "rounds": 1,
    "vmap_epochs": 2,
    "worker_epochs": 3,
    "gis_epochs": 5,
    "ray_epochs": 40,
}
# Hidden channels and norm.
NETWORKS = {"hidden 64": (64, None), "hidden 16": (16, None)}
NETWORKS |= {"hidden 64, BatchNorm": (64, "batch_norm")}


class Turns:
    """Wall and processor seconds of calls that take turns; the first turn warms up."""

    def __init__(self, works: Mapping[str, Callable[[], Any]], rounds: int) -> None:
        self.wall: dict[str, list[float]] = {name: [] for name in works}
        self.cpu: dict[str, list[float]] = {name: [] for name in works}
        self.last: dict[str, Any] = {}
        for turn in range(rounds + 1):
            for name, work in works.items():
                wall, cpu = time.perf_counter(), time.process_time()
                self.last[name] = work()
                if turn:
                    self.wall[name].append(time.perf_counter() - wall)
                    self.cpu[name].append(time.process_time() - cpu)

    def row(self, slow: str, fast: str, per: int = 1) -> dict[str, Any]:
        """Median seconds of both, divided by a number, and how many times faster."""

        def ratio(clock: dict[str, list[float]]) -> float:
            pairs = zip(clock[slow], clock[fast], strict=True)
            return statistics.median(a / b for a, b in pairs)

        def medians(clock: dict[str, list[float]]) -> dict[str, float]:
            return {n: statistics.median(clock[n]) / per for n in (slow, fast)}

        return {
            "wall_s": medians(self.wall),
            "cpu_s": medians(self.cpu),
            "speedup": {"wall": ratio(self.wall), "cpu": ratio(self.cpu)},
            "turns_wall_s": self.wall,
            "turns_cpu_s": self.cpu,
        }


def graph_of(args: argparse.Namespace, name: str) -> Data:
    return bare_graph(PlanetoidText(args.data_root, name)[0])


def jobs_of(data: Data, count: int, **options: Any) -> list[Job]:
    """Ingredients that differ by their dropout; none of them stops early."""
    recipe = Recipe(**{**options, "patience": options["epochs"]})
    factory = plain_factory(data, recipe)
    return [Job(recipe, factory, 0, seed) for seed in range(count)]


def trained(runner: Runner, data: Data, jobs: Sequence[Job]) -> list[Ingredient]:
    """All of them, in a folder that is new and thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        return runner.run(data, jobs, folder)


def are_equal(ones: Sequence[Ingredient], others: Sequence[Ingredient]) -> bool:
    """Bit by bit."""
    return all(
        one.epoch == other.epoch
        and one.score == other.score
        and all(torch.equal(t, other.state_dict[n]) for n, t in one.state_dict.items())
        for one, other in zip(ones, others, strict=True)
    )


def measure_vmap(args: argparse.Namespace) -> dict[str, Any]:
    """All at once against one by one, the same number of epochs."""
    data, rows = graph_of(args, "Cora"), {}
    epochs = args.vmap_epochs
    for name, (hidden, norm) in NETWORKS.items():
        options = {"hidden_channels": hidden, "norm": norm, "epochs": epochs}
        jobs = jobs_of(data, args.wide, **options)
        works = {
            "one by one": partial(trained, InProcess(), data, jobs),
            "at once": partial(trained, Vmapped(args.wide), data, jobs),
        }
        turns = Turns(works, args.rounds)
        both = zip(turns.last["one by one"], turns.last["at once"], strict=True)
        # A bias before BatchNorm wanders with rounding noise, see Vmapped.
        gap = max(abs(a.val_loss - b.val_loss) for a, b in both)
        rows[name] = turns.row("one by one", "at once", per=epochs)
        rows[name]["largest_difference_of_val_loss"] = gap
        show(f"vmap, {name}", rows[name])
    return {"ingredients": args.wide, "epochs": epochs, "seconds_of": "an epoch"} | rows


def measure_processes(args: argparse.Namespace) -> dict[str, Any]:
    """Two workers against one; a run of one epoch each tells what starting takes."""
    data = graph_of(args, "PubMed")
    works, starts = {}, {}
    for name, count in (("one worker", 1), ("two workers", 2)):
        brief = jobs_of(data, count, epochs=1)
        begin = time.perf_counter()
        trained(Processes(count), data, brief)
        starts[name] = time.perf_counter() - begin
        jobs = jobs_of(data, args.ingredients, epochs=args.worker_epochs)
        works[name] = partial(trained, Processes(count), data, jobs)
    times: dict[str, list[float]] = {name: [] for name in works}
    made = {}
    for _ in range(args.worker_rounds):
        for name, work in works.items():
            begin = time.perf_counter()
            made[name] = work()
            times[name].append(time.perf_counter() - begin)
    assert are_equal(*made.values())
    one, two = times.values()
    net = {n: [t - starts[n] for t in each] for n, each in times.items()}
    row = {
        "ingredients": args.ingredients,
        "epochs": args.worker_epochs,
        "wall_s": {name: statistics.median(each) for name, each in times.items()},
        # With the first epoch, and the imports of every worker.
        "start_s": starts,
        "speedup": {
            "wall": statistics.median(a / b for a, b in zip(one, two, strict=True)),
            "without_start": statistics.median(
                a / b for a, b in zip(*net.values(), strict=True)
            ),
        },
        "training_s_of_an_ingredient": {
            name: statistics.median(i.seconds for i in each)
            for name, each in made.items()
        },
        "turns_wall_s": times,
        "same_bits": True,
    }
    show("processes", row)
    return row


def dense(data: Data) -> Data:
    """The graph with features like those of a sentence encoder."""
    random = torch.Generator().manual_seed(0)
    centres = torch.randn(int(data.y.max()) + 1, 384, generator=random)
    noise = torch.randn(data.num_nodes, 384, generator=random)
    x = 0.5 * centres[data.y] + noise
    return bare_graph(data, x / x.norm(dim=1, keepdim=True))


def in_full(data: Data, job: Job) -> Evaluate:
    """Scores from whole forward passes, one mixture at a time."""
    model = job.factory().eval()

    def run(model: torch.nn.Module) -> Tensor:
        return model(data.x, data.edge_index)

    @torch.no_grad()
    def evaluate(state: Mapping[str, Tensor]) -> Any:
        model.load_state_dict(dict(state))
        if job.recipe.norm is not None:
            recalibrate_batchnorm(model, run)
        return score_of(run(model)[data.val_mask], data.y[data.val_mask])

    return evaluate


def fast_soup(data: Data, job: Job, states: list[dict[str, Tensor]]) -> SoupResult:
    scorer = Scorer(job.factory, data, states)
    soup = greedy_interpolated_soup(scorer.states, scorer, evaluate_many=scorer.many)
    return scorer.whole(soup)


def measure_gis(args: argparse.Namespace) -> dict[str, Any]:
    """Fast scores against full evaluation; both make the same soup."""
    cora, rows = graph_of(args, "Cora"), {}
    for features, data in (("bag of words", cora), ("dense", dense(cora))):
        for norm in (None, "batch_norm"):
            name = features + (", BatchNorm" if norm else "")
            jobs = jobs_of(data, args.soup, epochs=args.gis_epochs, norm=norm)
            states = [i.state_dict for i in trained(Vmapped(args.soup), data, jobs)]
            full = in_full(data, jobs[0])
            works = {
                "full": partial(greedy_interpolated_soup, states, full),
                "fast": partial(fast_soup, data, jobs[0], states),
                "set-up": partial(Scorer, jobs[0].factory, data, states),
            }
            turns = Turns(works, args.rounds)
            slow, fast = turns.last["full"], turns.last["fast"]
            assert slow.accepted == fast.accepted
            assert torch.allclose(slow.weights, fast.weights)
            row = turns.row("full", "fast")
            row["set_up_s"] = statistics.median(turns.wall["set-up"])
            row |= {"evaluations": fast.evaluations, "moved": fast.moved}
            rows[name] = row | {"accepted": list(fast.accepted)}
            show(f"gis, {name}", row)
    return {
        "ingredients": args.soup,
        "granularity": 11,
        "epochs": args.gis_epochs,
    } | rows


def own_tasks() -> list[int]:
    """Processes of Ray, started from this one, that run a task of ours."""
    parents, tasks = {}, []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = Path("/proc", entry, "stat").read_text().rpartition(")")[2]
            command = Path("/proc", entry, "cmdline").read_text()
        except OSError:
            continue  # It ended meanwhile.
        parents[int(entry)] = int(status.split()[1])
        if command.startswith("ray::_train"):
            tasks.append(int(entry))

    def is_own(number: int) -> bool:
        while number > 1 and number != os.getpid():
            number = parents.get(number, 0)
        return number == os.getpid()

    return [number for number in tasks if is_own(number)]


def kill_one(paths: Sequence[Path], found: dict[str, Any]) -> None:
    """Once an ingredient is finished, the next task gets two seconds and SIGKILL."""
    while "killed" not in found and not found.get("over"):
        done = [path for path in paths if path.exists()]
        if done and len(done) < len(paths):
            time.sleep(2.0)
            for number in own_tasks()[:1]:
                found["kept"] = {
                    path: path.stat().st_mtime_ns for path in paths if path.exists()
                }
                os.kill(number, signal.SIGKILL)
                found["killed"] = number
        time.sleep(0.1)


def measure_ray(args: argparse.Namespace) -> dict[str, Any]:
    """A worker is killed while it trains."""
    if find_spec("ray") is None:
        print("ray: skipped, Ray is not installed (pip install 'graphllm[ray]')")
        return {"skipped": "Ray is not installed"}
    data = graph_of(args, "Cora")
    jobs = jobs_of(data, args.ingredients, epochs=args.ray_epochs)
    runner = Ray(num_cpus=2)
    begin = time.perf_counter()
    alone = trained(InProcess(), data, jobs)
    here_s = time.perf_counter() - begin
    begin = time.perf_counter()
    calm = trained(runner, data, jobs)
    calm_s = time.perf_counter() - begin
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = Shelf(data, jobs, folder).paths
        thread = threading.Thread(target=kill_one, args=(paths, found))
        thread.start()
        begin = time.perf_counter()
        try:
            disturbed = runner.run(data, jobs, folder)
        finally:
            found["over"] = True
            thread.join()
        disturbed_s = time.perf_counter() - begin
        if "killed" not in found:
            raise SystemExit(
                "all was over before a worker could be killed; see --small"
            )
        kept = found["kept"]
        untouched = all(path.stat().st_mtime_ns == at for path, at in kept.items())
    row = {
        "ingredients": args.ingredients,
        "epochs": args.ray_epochs,
        "finished_when_killed": len(kept),
        "finished_files_untouched": untouched,
        "same_bits_as_undisturbed": are_equal(calm, disturbed),
        "same_bits_as_this_process": are_equal(alone, disturbed),
        "wall_s": {"here": here_s, "calm": calm_s, "one killed": disturbed_s},
    }
    print(f"ray: {json.dumps(row)}", flush=True)
    return row


PARTS = {
    "vmap": measure_vmap,
    "processes": measure_processes,
    "gis": measure_gis,
    "ray": measure_ray,
}


def show(name: str, row: Mapping[str, Any]) -> None:
    times = ", ".join(f"{side} {1000 * s:.0f}" for side, s in row["wall_s"].items())
    ratios = ", ".join(f"{way} {value:.2f}" for way, value in row["speedup"].items())
    print(f"{name}: {times} ms; times faster: {ratios}", flush=True)


def keep(path: Path, part: str, row: dict[str, Any]) -> None:
    """Put one part into the record."""
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    record[part] = row
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, help="default: GRAPHLLM_DATA")
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="of vmap and gis")
    parser.add_argument("--wide", type=int, default=16, help="ingredients of vmap")
    parser.add_argument("--vmap-epochs", type=int, default=8)
    parser.add_argument("--ingredients", type=int, default=4, help="of the workers")
    parser.add_argument("--worker-epochs", type=int, default=120)
    parser.add_argument("--worker-rounds", type=int, default=2)
    parser.add_argument("--soup", type=int, default=10, help="ingredients of gis")
    parser.add_argument("--gis-epochs", type=int, default=60)
    parser.add_argument("--ray-epochs", type=int, default=200)
    parser.add_argument("--small", action="store_true", help="a look; writes nothing")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.small:
        vars(args).update(SMALL)
    torch.set_num_threads(1)
    for part in args.part:
        busy = os.getloadavg()[0]
        row = PARTS[part](args) | {"load_average_before": busy}
        if not args.small:
            keep(args.out, part, row | {"environment": environment()})


if __name__ == "__main__":
    main()

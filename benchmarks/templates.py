"""What do LLaGA's templates cost on a graph the size of ogbn-arxiv?

A synthetic graph, heavy-tailed and undirected: 169,343 nodes, 1.166 million edges, both
directions stored (2.33 million entries).

* Neighborhood Detail: trees with fan-outs 10, 10 for all nodes by the numba kernel,
  against a plain Python loop that follows the published procedure on some of the nodes.
  They take turns; the ratio is taken within each round. Also the torch twin, and the
  memory of the result.
* Hop-Field Overview: 4 hops of 384 features in memory (32 bits) and in a file (16
  bits), each in a process of its own whose peak memory is recorded, the graph and its
  features included.

    python benchmarks/templates.py
    python benchmarks/templates.py --small
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numba
import numpy as np
import torch
from sampling import heavy_tailed_graph  # the script beside this one

from graphllm.data import to_csr
from graphllm.evaluate import environment
from graphllm.graph_tokens import HopField
from graphllm.kernels.tree import num_positions, sample_trees
from graphllm.kernels.tree_twin import sample_trees_twin

RESULTS = Path(__file__).parent / "results" / "templates.json"
MIB = 2**20
SMALL = {"num_nodes": 5000, "num_edges": 35_000, "python_roots": 300, "rounds": 2}


def plain_trees(
    neighbors: list[list[int]], roots: list[int], fan_outs: list[int]
) -> list[list[int]]:
    """One tree after the other, one position after the other."""
    rng = random.Random(0)
    trees = []
    for root in roots:
        level = tree = [root]
        for count in fan_outs:
            below = []
            for node in level:
                found = list(neighbors[node]) if node >= 0 else []
                if len(found) > count:
                    found = rng.sample(found, count)
                below += found + [-1] * (count - len(found))
            tree, level = tree + below, below
        trees.append(tree)
    return trees


def rates(work: Callable[[], object], num_roots: int) -> tuple[float, float]:
    """Roots a second by the clock on the wall, and a second of one core."""
    wall, core = time.perf_counter(), time.process_time()
    work()
    wall, core = time.perf_counter() - wall, time.process_time() - core
    return num_roots / wall, num_roots / core


def measure_trees(args: argparse.Namespace) -> dict[str, object]:
    data = heavy_tailed_graph(args.num_nodes, args.num_edges, args.seed)
    csr = to_csr(data.edge_index, args.num_nodes, by="target")
    indptr, indices = csr.indptr, csr.indices.int()
    rows = indptr.numpy(), indices.numpy()
    neighbors = [
        rows[1][rows[0][node] : rows[0][node + 1]].tolist()
        for node in range(args.num_nodes)
    ]
    roots, fan_outs = np.arange(args.num_nodes), args.num_neighbors
    sample_trees(*rows, roots[:9], fan_outs)  # compile
    generator = np.random.default_rng(args.seed)
    wall: dict[str, list[float]] = {"numba": [], "torch": [], "python": []}
    core: dict[str, list[float]] = {"numba": [], "torch": [], "python": []}
    for key in range(args.rounds):
        some = generator.choice(args.num_nodes, args.python_roots, replace=False)
        tensor = torch.from_numpy(some)
        work = {
            "numba": (partial(sample_trees, *rows, roots, fan_outs, key), len(roots)),
            "torch": (
                partial(sample_trees_twin, indptr, indices, tensor, fan_outs, key),
                len(some),
            ),
            "python": (
                partial(plain_trees, neighbors, some.tolist(), fan_outs),
                len(some),
            ),
        }
        for name, (call, count) in work.items():
            by_wall, by_core = rates(call, count)
            wall[name].append(by_wall)
            core[name].append(by_core)
    trees = sample_trees(*rows, roots, fan_outs)
    return {
        "positions": num_positions(fan_outs),
        "threads": numba.config.NUMBA_NUM_THREADS,
        "roots_per_second": {n: summarised(v) for n, v in wall.items()},
        "roots_per_core_second": {n: summarised(v) for n, v in core.items()},
        "numba_over_python": ratio(wall),
        "numba_over_python_per_core": ratio(core),
        "result_mb": trees.nbytes / 1e6,
        "positions_without_a_node": float((trees < 0).mean()),
        "max_degree": int(csr.degree().max()),
    }


def summarised(values: list[float]) -> dict[str, object]:
    return {"median": statistics.median(values), "values": values}


def ratio(values: dict[str, list[float]]) -> float:
    """Median over the rounds, within the round."""
    pairs = zip(values["numba"], values["python"], strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def measure_hops(args: argparse.Namespace) -> dict[str, float]:
    """In a process of its own: seconds of ``bind``, and the peak of the process."""
    edge_index = heavy_tailed_graph(
        args.num_nodes, args.num_edges, args.seed
    ).edge_index
    generator = torch.Generator().manual_seed(args.seed)
    x = torch.randn(args.num_nodes, args.num_features, generator=generator)
    before = peak_mib()
    template = HopField(args.num_hops, chunk_size=args.chunk_size, path=args.hop_file)
    start = time.perf_counter()
    bound = template.bind(x, edge_index)
    seconds = time.perf_counter() - start
    assert bool(bound(torch.arange(100)).x.isfinite().all())
    return {
        "seconds": seconds,
        "peak_rss_mib": peak_mib(),
        "peak_rss_before_mib": before,
        "result_mib": bound.hops.nbytes / MIB,
    }


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def hops_in_a_process(args: argparse.Namespace, *more: str) -> dict[str, float]:
    names = ("num_nodes", "num_edges", "num_features", "num_hops", "chunk_size", "seed")
    flags = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in names]
    done = subprocess.run(
        [sys.executable, __file__, "--only-hops", *flags, *more],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num-nodes", type=int, default=169_343)
    parser.add_argument("--num-edges", type=int, default=1_166_000, help="undirected")
    parser.add_argument("--num-neighbors", type=int, nargs="+", default=[10, 10])
    parser.add_argument("--python-roots", type=int, default=3000, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--num-hops", type=int, default=4)
    parser.add_argument("--num-features", type=int, default=384)
    parser.add_argument("--chunk-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="a look in seconds")
    parser.add_argument("--out", type=Path, help="default: results/templates.json")
    parser.add_argument("--only-hops", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--hop-file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.small:
        vars(args).update(SMALL)
    return args


def main() -> None:
    args = parsed()
    if args.only_hops:
        print(json.dumps(measure_hops(args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        hops = {
            "memory": hops_in_a_process(args),
            "file": hops_in_a_process(args, f"--hop-file={folder}/hops"),
        }
    trees = measure_trees(args)
    skipped = {"out", "only_hops", "hop_file"}
    record = {
        "graph": {"num_nodes": args.num_nodes, "num_edges": 2 * args.num_edges},
        "config": {k: v for k, v in vars(args).items() if k not in skipped},
        "environment": environment(),
        "trees": trees,
        "hops": hops,
    }
    out = args.out or (None if args.small else RESULTS)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    print(f"{'trees, roots/s':<16} {'wall':>10} {'one core':>10}")
    for name in ("numba", "torch", "python"):
        by_wall = trees["roots_per_second"][name]["median"]
        by_core = trees["roots_per_core_second"][name]["median"]
        print(f"{name:<16} {by_wall:10,.0f} {by_core:10,.0f}")
    print(
        f"numba over python: {trees['numba_over_python']:.1f} by the wall clock with "
        f"{trees['threads']} threads, {trees['numba_over_python_per_core']:.1f} a "
        f"core; result {trees['result_mb']:.1f} MB"
    )
    print(f"{'hops':<16} {'seconds':>10} {'peak MiB':>10} {'result MiB':>10}")
    for name, row in hops.items():
        print(
            f"{name:<16} {row['seconds']:10.1f} {row['peak_rss_mib']:10,.0f} "
            f"{row['result_mib']:10,.0f}"
        )
    print(f"{args.num_nodes} nodes, {2 * args.num_edges} directed edges -> {out}")


if __name__ == "__main__":
    main()

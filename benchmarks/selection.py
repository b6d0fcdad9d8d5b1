"""How long does each selector take on a graph the size of ogbn-arxiv or -products?

Synthetic, heavy-tailed graphs with features and a text a node:

* ``arxiv``: 169,343 nodes, 2.33 million directed edges, 384 features; every selector,
  those that train a graph network only with ``--training``.
* ``products``: 2,449,029 nodes, 62 million undirected edges (124 million directed), 100
  features, as many as ogbn-products has; the selectors meant for that size.

PageRank is timed against networkx (on a graph 1/100 as large for ``products``) and
against scipy's sparse product, on the same graph and in the same process. Prints a
table and writes it into one JSON file, which holds both sizes.

    python benchmarks/selection.py
    python benchmarks/selection.py --size products
    python benchmarks/selection.py --num-nodes 20000 --num-edges 280000 --out small.json
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch_geometric.data import Data

from graphllm.evaluate import environment, summary
from graphllm.selection import (
    SELECTORS,
    PageRankSelector,
    RandomSelector,
    SelectionContext,
    get_selector,
)

RESULTS = Path(__file__).parent / "results" / "selection.json"
# A call is repeated until it has taken this long in total.
LONG_ENOUGH_S = 60.0
CHUNK = 1 << 20
# These train a graph network first, which is what their time would show.
TRAINING = ("disagreement", "uncertainty", "uncertainty-mc")
SIZES = {
    "arxiv": {
        "num_nodes": 169_343,
        "num_edges": 2_332_000,
        "num_features": 384,
        "num_classes": 40,
        "words": 300,
        "selectors": tuple(name for name in SELECTORS if name not in TRAINING),
        "smaller": 1,
    },
    "products": {
        "num_nodes": 2_449_029,
        "num_edges": 124_000_000,
        "num_features": 100,
        "num_classes": 47,
        "words": 100,
        "selectors": (
            "random",
            "degree",
            "degree-distribution",
            "text-length",
            "pagerank",
            "density",
        ),
        "smaller": 100,
    },
}


def heavy_tailed_edges(num_nodes: int, num_edges: int, seed: int) -> Tensor:
    """Undirected simple graph: both ends of an edge drawn by a power law.

    Ranks are drawn with weights (i + 10)^-0.6, which gives degrees a tail exponent of
    1 + 1 / 0.6, about 2.7. Edges are kept as one number each until they are distinct.
    """
    rng = np.random.default_rng(seed)
    name = rng.permutation(num_nodes)
    low, high = 10.0**0.4, (num_nodes + 10.0) ** 0.4

    def ends(count: int) -> np.ndarray:
        rank = (low + (high - low) * rng.random(count)) ** 2.5 - 10.0
        return name[np.minimum(rank.astype(np.int64), num_nodes - 1)]

    keys = np.empty(0, dtype=np.int64)
    while keys.size < num_edges // 2:
        missing = num_edges // 2 - keys.size
        drawn = [keys]
        for begin in range(0, missing + missing // 20 + 1000, CHUNK):
            size = min(CHUNK, missing + missing // 20 + 1000 - begin)
            one, two = ends(size), ends(size)
            key = np.minimum(one, two) * num_nodes + np.maximum(one, two)
            drawn.append(key[one != two])
        keys = np.concatenate(drawn)
        keys.sort()
        keys = keys[np.flatnonzero(np.diff(keys, prepend=-1))]
    surplus = keys.size - num_edges // 2
    keys = np.delete(keys, rng.choice(keys.size, surplus, replace=False, shuffle=False))
    half = keys.size
    edge_index = torch.empty(2, 2 * half, dtype=torch.long)
    rows = edge_index.numpy()
    np.floor_divide(keys, num_nodes, out=rows[0, :half])
    np.remainder(keys, num_nodes, out=rows[1, :half])
    edge_index[:, half:] = edge_index[:, :half].flip(0)
    return edge_index


def text_graph(args: argparse.Namespace, num_nodes: int, num_edges: int) -> Data:
    size = SIZES[args.size]
    rng = np.random.default_rng(args.seed + 1)
    num_features, num_classes = size["num_features"], size["num_classes"]
    centers = 0.7 * rng.normal(size=(num_classes, num_features)).astype(np.float32)
    topic = rng.integers(num_classes, size=num_nodes)
    x = rng.standard_normal((num_nodes, num_features), dtype=np.float32)
    for begin in range(0, num_nodes, CHUNK):
        rows = slice(begin, begin + CHUNK)
        x[rows] += centers[topic[rows]]
    mask = torch.zeros(num_nodes, dtype=torch.bool)
    mask[torch.from_numpy(rng.permutation(num_nodes)[: num_nodes // 2])] = True
    words = rng.integers(20, size["words"], size=num_nodes).tolist()
    return Data(
        x=torch.from_numpy(x),
        y=torch.from_numpy(topic),
        edge_index=heavy_tailed_edges(num_nodes, num_edges, args.seed),
        text=[("word " * n)[:-1] for n in words],
        train_mask=mask,
        num_nodes=num_nodes,
    )


def seconds(call: Callable[[], object], repeat: int) -> dict:
    """Wall-clock seconds, and the processor's, which neighbours disturb less."""
    values: list[float] = []
    busy: list[float] = []
    while len(values) < repeat and sum(values) < LONG_ENOUGH_S:
        start, cpu = time.perf_counter(), time.process_time()
        call()
        values.append(time.perf_counter() - start)
        busy.append(time.process_time() - cpu)
    return summary(values) | {"best": min(values), "cpu": min(busy)}


def peak_gib() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def time_selectors(data: Data, args: argparse.Namespace) -> dict:
    size = SIZES[args.size]
    context = SelectionContext(num_classes=size["num_classes"], seed=args.seed)
    small = text_graph(args, 200, 1000)
    rows = {}
    for name in size["selectors"] + (TRAINING if args.training else ()):
        # Compiled kernels are read or made here, and not timed.
        get_selector(name).score(small, context)
        score = partial(get_selector(name).score, data, context)
        rows[f"{name}: scores"] = seconds(score, args.repeat)
        print(f"{name:<40} best {rows[f'{name}: scores']['best']:9.3f} s", flush=True)
    for pool in ("all", "train+neighbors"):
        choose = partial(RandomSelector(), data, args.budget, context, pool=pool)
        rows[f"random: whole choice, pool {pool}"] = seconds(choose, args.repeat)
    return rows


def time_networkx(data: Data, repeat: int) -> dict:
    """networkx, once, beside ours: seconds, ratio and l1 distance of the scores."""
    start = time.perf_counter()
    graph = nx.DiGraph()
    graph.add_nodes_from(range(data.num_nodes))
    graph.add_edges_from(data.edge_index.t().tolist())
    built = time.perf_counter()
    # networkx stops once the scores move by less than N * tol.
    rank = nx.pagerank(graph, tol=1e-8 / data.num_nodes, max_iter=1000)
    done = time.perf_counter()
    theirs = torch.tensor(list(rank.values()), dtype=torch.double)
    ours = partial(PageRankSelector().score, data, SelectionContext())
    mine = seconds(ours, repeat)
    return {
        "num_nodes": data.num_nodes,
        "num_edges": data.num_edges,
        "build_s": built - start,
        "pagerank_s": done - built,
        "ours_s": mine,
        "speedup": (done - built) / mine["best"],
        "l1_difference": float((theirs - ours()).abs().sum()),
    }


def time_scipy(data: Data, ours: Tensor, mine: dict) -> dict:
    """The same iteration on scipy's sparse product, once."""
    num_nodes = data.num_nodes
    start, cpu = time.perf_counter(), time.process_time()
    source, target = data.edge_index.to(torch.int32).numpy()
    incoming = csr_array(
        (np.ones(source.size), (target, source)), shape=(num_nodes, num_nodes)
    )
    out_degree = np.bincount(source, minlength=num_nodes)
    del source, target
    built = time.perf_counter()
    share, dangling = 1.0 / np.maximum(out_degree, 1), out_degree == 0
    rank, iterations, moved = np.full(num_nodes, 1.0 / num_nodes), 0, np.inf
    while moved >= 1e-8 and iterations < 100:
        mass = incoming @ (rank * share) + rank[dangling].sum() / num_nodes
        last, rank = rank, 0.85 * mass + 0.15 / num_nodes
        moved = np.abs(rank - last).sum()
        iterations += 1
    done = time.perf_counter()
    return {
        "build_s": built - start,
        "iterate_s": done - built,
        "cpu": time.process_time() - cpu,
        "iterations": iterations,
        "speedup_with_build": (done - start) / mine["best"],
        "l1_difference": float(np.abs(rank - ours.numpy()).sum()),
    }


def measure(args: argparse.Namespace) -> dict:
    start = time.perf_counter()
    data = text_graph(args, args.num_nodes, args.num_edges)
    degree = torch.bincount(data.edge_index[0])
    record = {
        "graph": {
            "num_nodes": data.num_nodes,
            "num_edges": data.num_edges,
            "num_features": data.x.size(1),
            "max_degree": int(degree.max()),
            "median_degree": int(degree.median()),
            "seconds_to_make": time.perf_counter() - start,
        },
        "config": {key: value for key, value in vars(args).items() if key != "out"},
        "environment": environment(),
        "seconds": time_selectors(data, args),
    }
    record["peak_rss_gib"] = peak_gib()
    del data.x, data.text
    ours = PageRankSelector().score(data, SelectionContext())
    mine = record["seconds"]["pagerank: scores"]
    record["scipy_pagerank"] = time_scipy(data, ours, mine)
    record["peak_rss_gib_with_scipy"] = peak_gib()
    if not args.skip_networkx:
        smaller = SIZES[args.size]["smaller"]
        if smaller > 1:
            num_nodes, num_edges = args.num_nodes // smaller, args.num_edges // smaller
            data = Data(
                edge_index=heavy_tailed_edges(num_nodes, num_edges, args.seed),
                num_nodes=num_nodes,
            )
        record["networkx_pagerank"] = time_networkx(data, args.repeat)
    return record


def show(record: dict) -> None:
    for name, entry in record["seconds"].items():
        print(
            f"{name:<44} best {entry['best']:8.3f} s, "
            f"mean {entry['mean']:8.3f} ± {entry['std']:.3f}, cpu {entry['cpu']:8.3f}"
        )
    scipy = record["scipy_pagerank"]
    print(
        f"PageRank by scipy: {scipy['build_s']:.1f} s to build and "
        f"{scipy['iterate_s']:.1f} s for {scipy['iterations']} iterations, "
        f"{scipy['speedup_with_build']:.1f} times ours, l1 difference "
        f"{scipy['l1_difference']:.1e}"
    )
    if "networkx_pagerank" in record:
        other = record["networkx_pagerank"]
        print(
            f"PageRank by networkx on {other['num_nodes']} nodes: "
            f"{other['pagerank_s']:.1f} s (and {other['build_s']:.1f} s to build), "
            f"{other['speedup']:.0f} times ours, l1 difference "
            f"{other['l1_difference']:.1e}"
        )
    graph = record["graph"]
    print(
        f"{graph['num_nodes']} nodes, {graph['num_edges']} directed edges, largest "
        f"degree {graph['max_degree']}; peak {record['peak_rss_gib']:.1f} GiB, with "
        f"scipy {record['peak_rss_gib_with_scipy']:.1f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="arxiv")
    parser.add_argument("--num-nodes", type=int, help="instead of the size's")
    parser.add_argument("--num-edges", type=int, help="instead of the size's; directed")
    parser.add_argument("--budget", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--training", action="store_true", help="minutes each")
    parser.add_argument("--skip-networkx", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    args.num_nodes = args.num_nodes or SIZES[args.size]["num_nodes"]
    args.num_edges = args.num_edges or SIZES[args.size]["num_edges"]
    torch.set_num_threads(args.threads)

    record = measure(args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    written = json.loads(args.out.read_text()) if args.out.exists() else {}
    # One file for both sizes; each run replaces its own.
    written = {size: written[size] for size in SIZES if size in written}
    written[args.size] = record
    args.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    show(record)
    print(f"-> {args.out}")


if __name__ == "__main__":
    main()

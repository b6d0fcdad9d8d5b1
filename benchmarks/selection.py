"""How long does each selector take on a graph the size of ogbn-arxiv?

A synthetic power-law graph, 169,343 nodes and 2.33 million directed edges by
default, with 384 features and a text a node. PageRank is timed against networkx, on
the same graph and in the same run. Prints a table and writes it as JSON.

    python benchmarks/selection.py
    python benchmarks/selection.py --num-nodes 20000 --num-edges 280000 --repeat 1
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
import torch
from torch_geometric.data import Data

from graphllm.evaluate import environment, summary
from graphllm.selection import (
    SELECTORS,
    PageRankSelector,
    RandomSelector,
    SelectionContext,
    get_selector,
)

NUM_CLASSES = 40
NUM_FEATURES = 384
RESULTS = Path(__file__).parent / "results" / "selection.json"


def power_law_graph(num_nodes: int, num_edges: int, seed: int) -> Data:
    """Undirected simple graph: both ends of an edge drawn by a power law."""
    rng = np.random.default_rng(seed)
    # Weights i^-0.6 give degrees a tail exponent of 1 + 1 / 0.6, about 2.7.
    weight = (np.arange(num_nodes) + 10.0) ** -0.6
    weight = rng.permutation(weight / weight.sum())
    drawn = np.sort(rng.choice(num_nodes, (2, num_edges), p=weight), axis=0)
    drawn = np.unique(drawn[:, drawn[0] < drawn[1]], axis=1)
    kept = rng.permutation(drawn.shape[1])[: num_edges // 2]
    ends = torch.from_numpy(drawn[:, kept])
    centers = rng.normal(size=(NUM_CLASSES, NUM_FEATURES)).astype(np.float32)
    noise = rng.standard_normal((num_nodes, NUM_FEATURES), dtype=np.float32)
    topic = rng.integers(NUM_CLASSES, size=num_nodes)
    mask = torch.zeros(num_nodes, dtype=torch.bool)
    mask[torch.from_numpy(rng.permutation(num_nodes)[: num_nodes // 2])] = True
    return Data(
        x=torch.from_numpy(0.7 * centers[topic] + noise),
        edge_index=torch.cat([ends, ends.flip(0)], dim=1),
        text=["word " * n for n in rng.integers(20, 300, size=num_nodes).tolist()],
        train_mask=mask,
        num_nodes=num_nodes,
    )


def seconds(call: Callable[[], object], repeat: int) -> dict:
    values = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        values.append(time.perf_counter() - start)
    return summary(values)


def time_selectors(data: Data, args: argparse.Namespace) -> dict:
    context = SelectionContext(num_classes=NUM_CLASSES, seed=args.seed)
    rows = {}
    for name in SELECTORS:
        score = partial(get_selector(name).score, data, context)
        rows[f"{name}: scores"] = seconds(score, args.repeat)
    for pool in ("all", "train+neighbors"):
        choose = partial(RandomSelector(), data, args.budget, context, pool=pool)
        rows[f"random: whole choice, pool {pool}"] = seconds(choose, args.repeat)
    return rows


def time_networkx(data: Data) -> tuple[dict, float]:
    """Seconds of networkx, once, and the l1 distance of its scores to ours."""
    start = time.perf_counter()
    graph = nx.DiGraph()
    graph.add_nodes_from(range(data.num_nodes))
    graph.add_edges_from(data.edge_index.t().tolist())
    built = time.perf_counter()
    # networkx stops once the scores move by less than N * tol.
    rank = nx.pagerank(graph, tol=1e-8 / data.num_nodes, max_iter=1000)
    done = time.perf_counter()
    theirs = torch.tensor(list(rank.values()), dtype=torch.double)
    ours = PageRankSelector().score(data, SelectionContext())
    rows = {
        "networkx: build the graph": summary([built - start]),
        "networkx: pagerank": summary([done - built]),
    }
    return rows, float((theirs - ours).abs().sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num-nodes", type=int, default=169_343)
    parser.add_argument("--num-edges", type=int, default=2_332_000, help="directed")
    parser.add_argument("--budget", type=float, default=0.05)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--skip-networkx", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    data = power_law_graph(args.num_nodes, args.num_edges, args.seed)
    config = {key: value for key, value in vars(args).items() if key != "out"}
    graph = {"num_nodes": data.num_nodes, "num_edges": data.num_edges}
    record = {"graph": graph, "config": config, "environment": environment()}
    record["seconds"] = time_selectors(data, args)
    if not args.skip_networkx:
        rows, record["pagerank_l1_difference"] = time_networkx(data)
        record["seconds"] |= rows
        record["pagerank_speedup"] = (
            rows["networkx: pagerank"]["mean"]
            / record["seconds"]["pagerank: scores"]["mean"]
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    for name, entry in record["seconds"].items():
        print(f"{name:<44} {entry['mean']:9.3f} s ± {entry['std']:.3f}")
    if "pagerank_speedup" in record:
        print(
            f"PageRank {record['pagerank_speedup']:.1f} times as fast as networkx "
            f"(its graph not counted), l1 difference "
            f"{record['pagerank_l1_difference']:.1e}"
        )
    print(f"{data.num_nodes} nodes, {data.num_edges} directed edges -> {args.out}")


if __name__ == "__main__":
    main()

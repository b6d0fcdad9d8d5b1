"""What does edge-sparsified inference save, and what does finding the edges cost?

A synthetic graph the size of ogbn-arxiv, heavy-tailed and undirected: 169,343 nodes,
1.166 million edges, both directions stored (2.33 million entries), 128 features.

* Inference of a 3-layer GCN and a 3-layer GraphSAGE (256 hidden channels) over the
  whole graph, dense and with half of the edges removed by MoG; by PyG's message passing
  over ``edge_index`` sorted by the receiving node, over ``edge_index`` in the order of
  the edge list, and by a product with a matrix in compressed rows. Both sides take
  turns, the ratio is taken within each round.
* The best edges of every node: the numba kernel, one sort of a composite key, and two
  stable sorts.
* Edge criteria, one after the other.
* A training step of MoG (vote) around the GraphSAGE, in a process of its own whose peak
  memory is recorded; what a mix on the Grassmann manifold adds.

With ``--size products``: a graph of 2.45 million nodes and 62 million edges, both
directions stored; only the local criteria and :meth:`sparsify`, with the peak memory.

    python benchmarks/sparsify.py
    python benchmarks/sparsify.py --size products
    python benchmarks/sparsify.py --size small --rounds 2
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from selection import heavy_tailed_edges  # the script beside this one
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCN, GraphSAGE
from torch_geometric.utils import sort_edge_index, to_torch_csr_tensor

from graphllm.evaluate import environment
from graphllm.kernels.row_topk import group_rows, row_topk, row_topk_twin
from graphllm.models import BACKBONES
from graphllm.sparsify import MoG, MoGSparsifier
from graphllm.sparsify.baselines import RandomSparsifier
from graphllm.sparsify.budgets import keep_counts
from graphllm.sparsify.criteria import (
    degree,
    effective_resistance,
    feature_cosine,
    jaccard,
    local_degree,
    local_similarity,
    scan,
)

FOLDER = Path(__file__).parent / "results"
MIB = 2**20
# Nodes, undirected edges, features, hidden channels.
SIZES = {
    "small": (5_000, 35_000, 32, 64),
    "arxiv": (169_343, 1_166_243, 128, 256),
    "products": (2_449_029, 61_859_140, 8, 0),
}
SPARSITY = 0.5


def seconds(work: Callable[[], object]) -> float:
    """Seconds by the clock on the wall."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(
    works: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each, a round after the other; a first round warms up."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            elapsed = seconds(work)
            if turn:
                found[name].append(elapsed)
    return found


def ratio(slow: list[float], fast: list[float]) -> float:
    """Median over the rounds, within the round."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def peak_mib() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def graph_of(args: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Edges in both directions, and features."""
    num_nodes, num_edges, width, _ = SIZES[args.size]
    edge_index = heavy_tailed_edges(num_nodes, 2 * num_edges, args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    return torch.randn(num_nodes, width, generator=generator), edge_index


def adjacency(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Compressed rows, one a receiving node, as PyG's SAGE multiplies by them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")
        return to_torch_csr_tensor(edge_index.flip(0), size=(num_nodes, num_nodes))


@torch.no_grad()
def measure_inference(
    args: argparse.Namespace, x: Tensor, dense: Tensor, sparse: Tensor
) -> dict[str, object]:
    """Both networks over the whole graph, on all edges and on half of them."""
    hidden = SIZES[args.size][3]
    rows = {}
    for name, kind, make in (
        ("gcn_messages", GCN, by_receiver),
        ("sage_messages", GraphSAGE, by_receiver),
        ("gcn_messages_unsorted", GCN, same),
        ("sage_messages_unsorted", GraphSAGE, same),
        # Ours makes its matrix at the first pass over a graph, SAGE is given it.
        ("gcn_rows", BACKBONES["gcn"], same),
        ("sage_rows", GraphSAGE, partial(adjacency, num_nodes=x.size(0))),
    ):
        network = kind(x.size(1), hidden, 3, 40).eval()
        works = {
            "dense": partial(network, x, make(dense)),
            "sparse": partial(network, x, make(sparse)),
        }
        found = in_turns(works, args.rounds)
        rows[name] = {
            **{f"{side}_ms": 1000 * statistics.median(v) for side, v in found.items()},
            "speed_up": ratio(found["dense"], found["sparse"]),
        }
    return rows


def same(edge_index: Tensor) -> Tensor:
    """Edges in the order of the edge list."""
    return edge_index


def by_receiver(edge_index: Tensor) -> Tensor:
    """The order in which messages of one node are summed up one after the other."""
    return sort_edge_index(edge_index, sort_by_row=False)


def two_sorts(score: Tensor, row: Tensor, budget: Tensor) -> Tensor:
    """The usual torch way: by score, then stably by row, and the rank in the row."""
    order = torch.argsort(score, descending=True, stable=True)
    order = order[torch.argsort(row[order], stable=True)]
    count = torch.bincount(row, minlength=len(budget))
    start = torch.cumsum(count, 0) - count
    mine = row[order]
    rank = torch.arange(len(row)) - start[mine]
    kept = torch.empty(len(row), dtype=torch.bool)
    kept[order] = rank < budget[mine]
    return kept


def measure_topk(
    args: argparse.Namespace, num_nodes: int, edge_index: Tensor
) -> dict[str, object]:
    """Half of the edges of every node, three ways, the same edges."""
    row = edge_index[1]
    score = torch.rand(len(row), generator=torch.Generator().manual_seed(args.seed))
    budget = keep_counts(torch.bincount(row, minlength=num_nodes), SPARSITY)
    groups = group_rows(row, num_nodes)
    works = {
        "two_sorts": partial(two_sorts, score, row, budget),
        "one_sort": partial(row_topk_twin, score, row, budget),
        "numba": partial(row_topk, score, row, budget),
        "numba_prepared": partial(row_topk, score, groups, budget),
    }
    reference = works["two_sorts"]()
    assert all(torch.equal(reference, work()) for work in works.values())
    found = in_turns(works, args.rounds)
    return {
        "ms": {name: 1000 * statistics.median(v) for name, v in found.items()},
        "over_two_sorts": {
            name: ratio(found["two_sorts"], v) for name, v in found.items()
        },
    }


def measure_criteria(
    args: argparse.Namespace, x: Tensor, edge_index: Tensor
) -> dict[str, float]:
    """Seconds of each, once warm."""
    local = [degree, effective_resistance, jaccard]
    if args.size != "products":
        local += [scan, local_degree, local_similarity, feature_cosine]
    tiny = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    took = {}
    for criterion in local:
        criterion(tiny, 3, x[:3])  # compile
        took[criterion.__name__] = seconds(partial(criterion, edge_index, x.size(0), x))
        print(f"{criterion.__name__}: {took[criterion.__name__]:.2f} s", flush=True)
    return took


def measure_step(args: argparse.Namespace) -> dict[str, float]:
    """In a process of its own: training steps of MoG, and the peak of the process."""
    x, edge_index = graph_of(args)
    y = torch.randint(0, 40, (x.size(0),))
    network = GraphSAGE(x.size(1), SIZES[args.size][3], 3, 40)
    model = MoG(network, mix=args.step, sparsity=SPARSITY).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    took = []
    for _ in range(2):
        start = time.perf_counter()
        optimizer.zero_grad()
        out = model(x, edge_index)
        (F.cross_entropy(out, y) + model.aux_loss).backward()
        optimizer.step()
        took.append(time.perf_counter() - start)
    # The first one takes the criteria too.
    return {"first_s": took[0], "step_s": took[1], "peak_mib": peak_mib()}


def in_a_process(args: argparse.Namespace, mix: str) -> dict[str, float]:
    """:func:`measure_step` there."""
    command = [sys.executable, __file__, "--size", args.size, "--step", mix]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def sparsified(x: Tensor, edge_index: Tensor) -> tuple[Tensor, float]:
    """The edges that a MoG of local criteria and its seconds, criteria included."""
    torch.manual_seed(0)
    sparsifier = MoGSparsifier(x.size(1), sparsity=SPARSITY, mix="vote")
    data = Data(x=x, edge_index=edge_index)
    start = time.perf_counter()
    smaller = sparsifier.sparsify(data)
    return smaller.edge_index, time.perf_counter() - start


def measure_products(args: argparse.Namespace) -> dict[str, object]:
    """Local criteria and ``sparsify`` on 124 million directed edges."""
    x, edge_index = graph_of(args)
    built = peak_mib()
    row: dict[str, object] = {"directed_edges": edge_index.size(1), "graph_mib": built}
    row["criteria_s"] = measure_criteria(args, x, edge_index)
    row["criteria_peak_mib"] = peak_mib()
    data = Data(x=x, edge_index=edge_index)
    row["random_s"] = seconds(partial(RandomSparsifier(SPARSITY).sparsify, data))
    row["random_peak_mib"] = peak_mib()
    print(f"random: {row['random_s']:.1f} s, {row['random_peak_mib']:.0f} MiB")
    smaller, row["mog_s"] = sparsified(x, edge_index)
    row["mog_kept"] = smaller.size(1) / edge_index.size(1)
    row["peak_mib"] = peak_mib()
    return row


def measure_arxiv(args: argparse.Namespace) -> dict[str, object]:
    """Everything else."""
    x, edge_index = graph_of(args)
    print("a training step, vote", flush=True)
    steps = {"vote": in_a_process(args, "vote")}
    print(steps, flush=True)
    row: dict[str, object] = {"directed_edges": edge_index.size(1)}
    row["criteria_s"] = measure_criteria(args, x, edge_index)
    row["topk"] = measure_topk(args, x.size(0), edge_index)
    print(row["topk"], flush=True)
    sparse, row["mog_sparsify_s"] = sparsified(x, edge_index)
    row["kept"] = sparse.size(1) / edge_index.size(1)
    row["inference"] = measure_inference(args, x, edge_index, sparse)
    print(row["inference"], flush=True)
    steps["grassmann"] = in_a_process(args, "grassmann")
    added = steps["grassmann"]["step_s"] - steps["vote"]["step_s"]
    row["steps"] = {**steps, "grassmann_adds_s": added}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=list(SIZES), default="arxiv")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", choices=["vote", "grassmann"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.step:
        print(json.dumps(measure_step(args)))
        return
    measured = (
        measure_products(args) if args.size == "products" else measure_arxiv(args)
    )
    size = dict(zip(("num_nodes", "num_edges"), SIZES[args.size], strict=False))
    result = {
        "config": {"size": args.size, **size, "rounds": args.rounds},
        "threads": torch.get_num_threads(),
        **measured,
        "environment": environment(),
    }
    print(json.dumps(measured, indent=1))
    if args.size == "small":
        return
    name = "sparsify.json" if args.size == "arxiv" else f"sparsify_{args.size}.json"
    path = args.out or FOLDER / name
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"result: {path}")


if __name__ == "__main__":
    main()

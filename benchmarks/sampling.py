"""How many mini-batches a second does each neighbour sampler give?

A synthetic graph of the size of ogbn-arxiv, heavy-tailed and undirected: 169,343 nodes,
1.166 million edges, both directions stored (2.33 million entries), 128 features. One
batch is 1024 seeds with fan-outs 15, 10, 5: the sampled subgraph with its features,
labels and ids, in seconds of one core. The contenders take turns within each round:

* numba: graphllm.loader.NeighborLoader
* torch-sparse: torch_geometric.loader.NeighborLoader, where torch-sparse is installed
* python: the plain Python twin of the kernel, with the same gathering of features

    python benchmarks/sampling.py
    python benchmarks/sampling.py --num-nodes 20000 --num-edges 140000 --rounds 2
"""

import argparse
import json
import random
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch_geometric.typing
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader as PyGNeighborLoader
from torch_geometric.sampler import NodeSamplerInput, SamplerOutput

from graphllm.data import to_csr
from graphllm.evaluate import environment
from graphllm.kernels.sample_twin import sample_neighbors_twin
from graphllm.loader import NeighborLoader, make_batch

RESULTS = Path(__file__).parent / "results" / "sampling.json"
Work = Callable[[torch.Tensor], object]


def heavy_tailed_graph(num_nodes: int, num_edges: int, seed: int) -> Data:
    """Undirected simple graph: both ends of an edge drawn by a power law."""
    rng = np.random.default_rng(seed)
    # Weights i^-0.6 give degrees a tail exponent of 1 + 1 / 0.6, about 2.7.
    weight = (np.arange(num_nodes) + 10.0) ** -0.6
    weight = rng.permutation(weight / weight.sum())
    drawn = np.sort(rng.choice(num_nodes, (2, 2 * num_edges), p=weight), axis=0)
    drawn = np.unique(drawn[:, drawn[0] < drawn[1]], axis=1)
    kept = rng.permutation(drawn.shape[1])[:num_edges]
    ends = torch.from_numpy(drawn[:, kept])
    return Data(
        x=torch.from_numpy(rng.standard_normal((num_nodes, 128), dtype=np.float32)),
        y=torch.from_numpy(rng.integers(40, size=num_nodes)),
        edge_index=torch.cat([ends, ends.flip(0)], dim=1),
        edge_weight=torch.from_numpy(rng.random(2 * kept.size) + 0.1),
    )


class PythonSampler:
    """The twin, made ready as well as plain Python can be: lists, not arrays."""

    def __init__(self, data: Data, num_neighbors: list[int]) -> None:
        csr = to_csr(data.edge_index, data.num_nodes, by="target")
        self.colptr, self.row = csr.indptr.tolist(), csr.indices.tolist()
        self.edge_ids = csr.edge_ids
        self.num_neighbors = num_neighbors
        self.rng = random.Random(0)

    def sample(self, seeds: torch.Tensor) -> SamplerOutput:
        """One batch."""
        out = sample_neighbors_twin(
            self.colptr, self.row, seeds.tolist(), self.num_neighbors, rng=self.rng
        )
        node, row, col, edge = (torch.tensor(part) for part in out[:4])
        return SamplerOutput(node, row, col, self.edge_ids.index_select(0, edge))


def contenders(data: Data, num_neighbors: list[int]) -> dict[str, tuple[Work, Work]]:
    """For each sampler: the subgraph alone, and the whole batch."""
    ours = NeighborLoader(data, num_neighbors)
    by_weight = NeighborLoader(data, num_neighbors, weight_attr="edge_weight")
    python = PythonSampler(data, num_neighbors)
    found: dict[str, tuple[Work, Work]] = {
        "numba": (ours.node_sampler.sample, whole(data, ours.node_sampler.sample)),
        "python": (python.sample, whole(data, python.sample)),
        "numba, by edge weight": (
            by_weight.node_sampler.sample,
            whole(data, by_weight.node_sampler.sample),
        ),
    }
    if torch_geometric.typing.WITH_TORCH_SPARSE:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # asks for pyg-lib
            theirs = PyGNeighborLoader(data, num_neighbors)

        def sample(seeds: torch.Tensor) -> object:
            batch = NodeSamplerInput(None, seeds)
            return theirs.node_sampler.sample_from_nodes(batch)

        found["torch-sparse"] = (sample, theirs)  # a loader takes ids when called
    return found


def whole(data: Data, sample: Callable[[torch.Tensor], SamplerOutput]) -> Work:
    return lambda seeds: make_batch(data, sample(seeds))


def timed(work: Work, batches: list[torch.Tensor]) -> float:
    """Batches a second of one core, whoever else uses the machine."""
    start = time.process_time()
    for seeds in batches:
        work(seeds)
    return len(batches) / (time.process_time() - start)


def measure(data: Data, args: argparse.Namespace) -> dict[str, dict]:
    work = contenders(data, args.num_neighbors)
    generator = torch.Generator().manual_seed(args.seed)
    rates = {name: {"sample": [], "batch": []} for name in work}
    for name in work:
        work[name][1](torch.arange(64))  # compile, touch the memory
    for _ in range(args.rounds):
        order = torch.randperm(data.num_nodes, generator=generator)
        batches = list(order.split(args.batch_size)[: args.batches])
        for name, (sample, batch) in work.items():
            fewer = batches[:1] if name == "python" else batches
            rates[name]["sample"].append(timed(sample, fewer))
            rates[name]["batch"].append(timed(batch, fewer))
    return {
        name: {
            kind: {"median": statistics.median(values), "values": values}
            for kind, values in kinds.items()
        }
        for name, kinds in rates.items()
    }


def speedups(rates: dict[str, dict]) -> dict[str, dict[str, float]]:
    """Median over the rounds of ours over theirs, within the round."""
    ours = rates["numba"]
    return {
        name: {
            kind: statistics.median(
                mine / other
                for mine, other in zip(
                    ours[kind]["values"], rates[name][kind]["values"], strict=True
                )
            )
            for kind in ours
        }
        for name in rates
        if name != "numba"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num-nodes", type=int, default=169_343)
    parser.add_argument("--num-edges", type=int, default=1_166_000, help="undirected")
    parser.add_argument("--num-neighbors", type=int, nargs="+", default=[15, 10, 5])
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--batches", type=int, default=3, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)

    data = heavy_tailed_graph(args.num_nodes, args.num_edges, args.seed)
    rates = measure(data, args)
    record = {
        "graph": {"num_nodes": data.num_nodes, "num_edges": data.num_edges},
        "config": {key: value for key, value in vars(args).items() if key != "out"},
        "environment": environment(),
        "clock": "seconds of one core (CPU time of the process)",
        "batches_per_second": rates,
        "speedup_over": speedups(rates),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    print(f"{'batches/s, median':<24} {'subgraph':>10} {'with features':>14}")
    for name, kinds in rates.items():
        sample, batch = kinds["sample"]["median"], kinds["batch"]["median"]
        print(f"{name:<24} {sample:10.2f} {batch:14.2f}")
    for name, ratio in record["speedup_over"].items():
        print(
            f"numba against {name}: {ratio['sample']:.1f} times the subgraphs, "
            f"{ratio['batch']:.1f} times the batches"
        )
    print(f"{data.num_nodes} nodes, {data.num_edges} directed edges -> {args.out}")


if __name__ == "__main__":
    main()

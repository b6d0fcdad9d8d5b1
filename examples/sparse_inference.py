"""A GNN on the sparse graph that ``graphllm mog --export sparse.pt`` wrote.

graphllm mog --dataset pydocs --sparsity 0.3 --mix vote --export sparse.pt
python examples/sparse_inference.py sparse.pt
python examples/sparse_inference.py --smoke      # writes a sparse graph of its own
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from torch_geometric.nn import SAGEConv

from graphllm.data import apply_sparse_graph, write_sparse_graph
from graphllm.datasets import load_dataset
from graphllm.sparsify.baselines import RandomSparsifier


@torch.no_grad()
def milliseconds(network, data, rounds=20):
    """One pass over the graph, edges sorted by the receiving node."""
    graph = data.sort(sort_by_row=False)
    network(graph.x, graph.edge_index)
    started = time.perf_counter()
    for _ in range(rounds):
        network(graph.x, graph.edge_index)
    return 1000 * (time.perf_counter() - started) / rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("graph", nargs="?", help="what --export wrote")
    parser.add_argument("--dataset", default="pydocs")
    parser.add_argument("--smoke", action="store_true", help="seconds")
    args = parser.parse_args()
    if (args.graph is None) != args.smoke:
        parser.error("give the file of a sparse graph, or --smoke")
    data = load_dataset(args.dataset)
    data.x = torch.randn(data.num_nodes, 128)
    with tempfile.TemporaryDirectory() as folder:
        if args.smoke:
            args.graph = Path(folder) / "sparse.pt"
            some = RandomSparsifier(0.3).sparsify(data)
            # MoG says here whose labels it read; a random choice read none.
            some.labels_read = torch.zeros(data.num_nodes, dtype=torch.bool)
            write_sparse_graph(some, args.graph, num_edges=data.num_edges, sparsity=0.3)
        sparse = apply_sparse_graph(data, args.graph)
    network = SAGEConv(128, 128).eval()
    dense_ms, sparse_ms = (milliseconds(network, each) for each in (data, sparse))
    print(
        f"{sparse.num_edges:,} of {data.num_edges:,} edges, "
        f"{sparse_ms:.2f} ms against {dense_ms:.2f} ms a pass"
    )


if __name__ == "__main__":
    main()

"""Learn which edges a GNN can do without, and run it on the graph that is left.

python examples/mog.py --sparsity 0.5
python examples/mog.py --smoke          # tiny graph
"""

import argparse

import torch
import torch.nn.functional as F
from torch_geometric.nn import GCN

from graphllm.data import apply_split
from graphllm.sparsify import MoG


def real_parts():
    """PyDocs with MiniLM's vectors of its docstrings."""
    from graphllm.datasets import PyDocs
    from graphllm.encode import SentenceEncoder, encode_cached

    data = apply_split(PyDocs()[0], "random-60-20-20")
    data.x = encode_cached(SentenceEncoder("minilm"), data.text)
    return data


def smoke_parts():
    """A small graph and a bag of words: seconds, no weights."""
    from graphllm.encode import TfidfEncoder
    from graphllm.testing import sbm_text_graph

    data = sbm_text_graph(120)
    data.x = TfidfEncoder(min_count=1).fit(data.text)(data.text)
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sparsity", type=float, default=0.3, help="share removed")
    parser.add_argument("--mix", default="vote", help="grassmann, vote or gated_mean")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    data = smoke_parts() if args.smoke else real_parts()

    gnn = GCN(data.x.size(1), 64, 2, len(data.label_names), dropout=0.5)
    model = MoG(gnn, sparsity=args.sparsity, mix=args.mix)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(20 if args.smoke else args.epochs):
        model.train()
        optimizer.zero_grad()
        out = model(data.x, data.edge_index)
        loss = F.cross_entropy(out[data.train_mask], data.y[data.train_mask])
        (loss + model.aux_loss).backward()
        optimizer.step()

    model.eval()
    sparse = model.sparsify(data)  # fewer edges, for this network or any other
    right = gnn(sparse.x, sparse.edge_index).argmax(dim=-1) == data.y
    accuracy = float(right[data.test_mask].float().mean())
    print(
        f"kept {sparse.num_edges:,} of {data.num_edges:,} edges, "
        f"test accuracy {100 * accuracy:.1f} %"
    )


if __name__ == "__main__":
    main()

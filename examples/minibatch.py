"""E-LLaGNN in mini-batches: a graph too large for one pass, a few enhanced nodes.

python examples/minibatch.py --num-neighbors 15 10 --batch-size 512
python examples/minibatch.py --smoke          # tiny graph, scripted answers
"""

import argparse

import torch
import torch.nn.functional as F

from graphllm import ELLaGNN, Enhancer, seed_everything
from graphllm.data import apply_split
from graphllm.loader import NeighborLoader
from graphllm.models.layerwise import layerwise_inference
from graphllm.selection import PageRankSelector


def real_parts():
    """PyDocs, MiniLM and SmolLM2 behind an answer cache."""
    from graphllm.datasets import PyDocs
    from graphllm.encode import SentenceEncoder
    from graphllm.llm import CachedLLM, load_llm

    llm = CachedLLM(load_llm("smollm2"))
    return PyDocs()[0], SentenceEncoder("minilm", progress=True), llm


def smoke_parts():
    """A small graph, a bag of words and a scripted model: seconds, no weights."""
    from graphllm.encode import TfidfEncoder
    from graphllm.testing import ScriptedLLM, sbm_text_graph

    data = sbm_text_graph(120)
    encoder = TfidfEncoder(min_count=1).fit(data.text)
    return data, encoder, ScriptedLLM(lambda request: data.full_text[request.node])


def train_epoch(model, loader, optimizer):
    """Every training node once; a batch brings the enhanced rows of its own nodes."""
    model.train()
    total = 0.0
    for batch in loader:
        optimizer.zero_grad()
        out = model(
            batch.x, batch.edge_index, x_llm=batch.x_llm, llm_mask=batch.llm_mask
        )
        # Only the first nodes have their whole neighbourhood in the batch.
        seeds = slice(batch.batch_size)
        loss = F.cross_entropy(out[seeds], batch.y[seeds])
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * batch.batch_size
    return total / loader.input_nodes.numel()


def evaluate(model, data, mask):
    """Accuracy without a language model, nothing sampled."""
    model.eval()
    out = layerwise_inference(model, data)
    return float((out[mask].argmax(-1) == data.y[mask]).float().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="sage")
    parser.add_argument("--budget", type=int, default=100, help="nodes to enhance")
    parser.add_argument("--num-neighbors", type=int, nargs="+", default=[15, 10])
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--num-workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()

    seed_everything(args.seed)
    data, encoder, llm = smoke_parts() if args.smoke else real_parts()
    data = apply_split(data, "random-20-30-per-class", args.seed)
    if args.smoke:
        args.budget, args.epochs, args.batch_size = 20, 5, 16
    enhancer = Enhancer(llm, ["expand"], encoder, PageRankSelector(), args.budget)
    data = enhancer.run(data)

    loader = NeighborLoader(
        data,
        args.num_neighbors,
        data.train_mask,
        args.batch_size,
        shuffle=True,
        seed=args.seed,
        num_workers=args.num_workers,
    )
    layers = len(args.num_neighbors)
    classes = len(data.label_names)
    model = ELLaGNN(args.backbone, data.x.size(1), 128, classes, layers, dropout=0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    best, state = 0.0, None
    for _ in range(args.epochs):
        loss = train_epoch(model, loader, optimizer)
        accuracy = evaluate(model, data, data.val_mask)
        if accuracy > best:
            best = accuracy
            state = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    test = evaluate(model, data, data.test_mask)
    print(
        f"enhanced={data.llm_index.numel()} batches={len(loader)} loss={loss:.3f} "
        f"val={best:.3f} test={test:.3f}"
    )


if __name__ == "__main__":
    main()

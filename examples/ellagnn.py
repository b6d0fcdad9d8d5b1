"""E-LLaGNN in a script: enhance a few nodes with an LLM, train, predict without it.

python examples/ellagnn.py --budget 100
python examples/ellagnn.py --smoke          # tiny graph, scripted answers
"""

import argparse

import torch
import torch.nn.functional as F

from graphllm import ELLaGNN, Enhancer, seed_everything
from graphllm.data import apply_split
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


def train(model, data, epochs):
    """Full-batch training; the network reads the enhanced features."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    best, state = 0.0, None
    for _ in range(epochs):
        model.train()
        optimizer.zero_grad()
        out = model(data.x, data.edge_index, x_llm=data.x_llm, llm_mask=data.llm_mask)
        F.cross_entropy(out[data.train_mask], data.y[data.train_mask]).backward()
        optimizer.step()
        accuracy = evaluate(model, data, data.val_mask)
        if accuracy > best:
            best = accuracy
            state = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    return best


@torch.no_grad()
def evaluate(model, data, mask):
    """Accuracy without a language model."""
    model.eval()
    out = model(data.x, data.edge_index)
    return float((out[mask].argmax(-1) == data.y[mask]).float().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="sage")
    parser.add_argument("--budget", type=int, default=100, help="nodes to enhance")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()

    seed_everything(args.seed)
    data, encoder, llm = smoke_parts() if args.smoke else real_parts()
    data = apply_split(data, "random-20-30-per-class", args.seed)
    budget, epochs = (20, 20) if args.smoke else (args.budget, args.epochs)

    enhancer = Enhancer(llm, ["expand"], encoder, PageRankSelector(), budget)
    data = enhancer.run(data)
    classes = len(data.label_names)
    model = ELLaGNN(args.backbone, data.x.size(1), 128, classes, dropout=0.5)
    val = train(model, data, epochs)
    test = evaluate(model, data, data.test_mask)
    print(f"enhanced={data.llm_index.numel()} val={val:.3f} test={test:.3f}")


if __name__ == "__main__":
    main()

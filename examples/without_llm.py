"""Keep a language model's gain without asking it: consistency training.

The plain view of the graph learns from the enhanced one in every step, and predicts
alone afterwards.

python examples/without_llm.py --budget 0.2
python examples/without_llm.py --smoke          # tiny graph
"""

import argparse

import torch

from graphllm import ELLaGNN, Enhancer
from graphllm.data import apply_split
from graphllm.enhance import OracleLLM, oracle_template
from graphllm.experiments import consistency, fit, supervised_plain
from graphllm.selection import UncertaintySelector


def real_parts():
    """PyDocs with full docstrings in the place of a language model, and MiniLM."""
    from graphllm.datasets import PyDocs
    from graphllm.encode import SentenceEncoder

    return PyDocs()[0], SentenceEncoder("minilm", progress=True)


def smoke_parts():
    """A small graph and a bag of words: seconds, no weights."""
    from graphllm.encode import TfidfEncoder
    from graphllm.testing import sbm_text_graph

    data = sbm_text_graph(120)
    return data, TfidfEncoder(min_count=1).fit(data.text)


def learn(data, objective, epochs, seed):
    """Train from the same parameters each time; predict without a language model."""
    torch.manual_seed(seed)
    classes = len(data.label_names)
    model = ELLaGNN("gcn", data.x.size(1), 64, classes, fusion="replace", dropout=0.5)
    views = {"llm_free": False}
    return fit(model, data, views, objective=objective, epochs=epochs).scores[
        "llm_free"
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=0.2, help="share of the nodes")
    parser.add_argument("--weight", type=float, default=3.0, help="pull of the views")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()

    data, encoder = smoke_parts() if args.smoke else real_parts()
    epochs = 20 if args.smoke else args.epochs
    data = apply_split(data, "random-20-30-per-class", args.seed)
    enhancer = Enhancer(
        OracleLLM(data.full_text),
        [oracle_template()],
        encoder,
        UncertaintySelector(),
        args.budget,
        pool="all",
    )
    data = enhancer.run(data)
    plain = learn(data, supervised_plain, epochs, args.seed)
    kept = learn(data, consistency(args.weight), epochs, args.seed)
    print(
        f"enhanced={data.llm_index.numel()} plain={plain.test_acc:.3f} "
        f"consistency={kept.test_acc:.3f}"
    )


if __name__ == "__main__":
    main()

"""Your own texts and edges, in five lines, and the whole experiment on them.

python examples/own_graph.py
python examples/own_graph.py --smoke
"""

import argparse

from graphllm.data import apply_split
from graphllm.datasets import from_edges
from graphllm.encode import SentenceEncoder, TfidfEncoder
from graphllm.enhance import Enhancer
from graphllm.experiments import Training, run_ellagnn
from graphllm.llm import CachedLLM, load_llm
from graphllm.selection import DegreeSelector
from graphllm.testing import ScriptedLLM

TOPICS = {
    "baking": ["flour and butter", "an oven at 200 degrees", "kneading dough"],
    "sailing": ["rigging the mast", "reading the tide", "dropping anchor"],
}


def toy_library(copies):
    """Short notes; notes on one topic refer to each other, and now and then astray."""
    texts, labels = [], []
    for number in range(copies):
        for topic, lines in TOPICS.items():
            texts += [f"note {number}: {line}" for line in lines]
            labels += [topic] * len(lines)
    step = len(texts) // copies
    edges = [(i, (i + step) % len(texts)) for i in range(len(texts))]
    edges += [(i, i + 1) for i in range(len(texts) - 1) if labels[i] == labels[i + 1]]
    edges += [(i, i + 3) for i in range(0, len(texts) - 3, 7)]
    return texts, edges, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    copies = 20 if args.smoke else args.copies

    texts, edges, labels = toy_library(copies)
    data = from_edges(texts, edges, labels)
    data = apply_split(data, "random-60-20-20")
    if args.smoke:
        # Any object with complete(requests) will do; this one knows one sentence.
        llm = ScriptedLLM(lambda request: "It is done by hand, with care.")
        encoder = TfidfEncoder(min_count=1).fit(data.text)
    else:
        llm, encoder = CachedLLM(load_llm("smollm2")), SentenceEncoder("minilm")
    enhancer = Enhancer(llm, ["expand"], encoder, DegreeSelector(), 0.1)
    training = Training(backbone="gcn", hidden_channels=16, epochs=30)
    result = run_ellagnn(
        data, enhancer, split="random-60-20-20", seeds=range(2), training=training
    )
    arms = {arm: metrics["test_acc"]["mean"] for arm, metrics in result.arms.items()}
    print(" ".join(f"{arm}={accuracy:.3f}" for arm, accuracy in arms.items()))


if __name__ == "__main__":
    main()

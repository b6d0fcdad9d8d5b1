"""Train networks apart from the same initial weights, and merge them into one.

python examples/ladling.py --ingredients 10
python examples/ladling.py --smoke          # tiny graph
"""

import argparse
from tempfile import TemporaryDirectory

from graphllm.data import apply_split
from graphllm.experiments.ladling import (
    InProcess,
    Job,
    Reader,
    Recipe,
    Scorer,
    bare_graph,
    plain_factory,
)
from graphllm.soup import greedy_interpolated_soup


def real_parts():
    """PyDocs with MiniLM's vectors of its docstrings."""
    from graphllm.datasets import PyDocs
    from graphllm.encode import SentenceEncoder, encode_cached

    data = apply_split(PyDocs()[0], "random-60-20-20")
    return bare_graph(data, encode_cached(SentenceEncoder("minilm"), data.text))


def smoke_parts():
    """A small graph and a bag of words: seconds, no weights."""
    from graphllm.encode import TfidfEncoder
    from graphllm.testing import sbm_text_graph

    data = sbm_text_graph(120)
    return bare_graph(data, TfidfEncoder(min_count=1).fit(data.text)(data.text))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ingredients", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="seconds, no weights")
    args = parser.parse_args()
    data = smoke_parts() if args.smoke else real_parts()

    recipe = Recipe("gcn", epochs=20 if args.smoke else args.epochs)
    factory = plain_factory(data, recipe)
    jobs = [Job(recipe, factory, args.seed, seed) for seed in range(args.ingredients)]
    with TemporaryDirectory() as folder:  # keep one, and a killed run goes on from it
        trained = InProcess().run(data, jobs, folder)  # or Vmapped, Processes, Ray

    scorer = Scorer(factory, data, [each.state_dict for each in trained])
    soup = scorer.whole(
        greedy_interpolated_soup(scorer.states, scorer, evaluate_many=scorer.many)
    )
    reader = Reader(factory, data)
    best = max(trained, key=lambda each: each.score.rank)
    alone, merged = (
        reader.accuracies(reader.scores(state))["test_acc"]
        for state in (best.state_dict, soup.state_dict)
    )
    shares = ", ".join(f"{share:.2f}" for share in soup.weights.tolist())
    print(
        f"shares {shares}; test accuracy {100 * merged:.1f} %, best ingredient "
        f"{100 * alone:.1f} %"
    )


if __name__ == "__main__":
    main()

import math
import random

import pytest

from graphllm.evaluate import Result, summary

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)> & \"quoted\""

LEVELS = {
    "plain": 0.731,
    "random": 0.734,
    "shuffled": 0.729,
    "shuffled_llm_at_test": 0.727,
    "ellagnn": 0.748,
    "ellagnn_llm_at_test": 0.752,
    "oracle": 0.761,
    "oracle_llm_at_test": 0.768,
}


def build_result(seeds: int = 5) -> Result:
    """A run as the experiment writes it, with everything a report can show."""
    noise = random.Random(7)
    base = [noise.gauss(0, 0.008) for _ in range(seeds)]
    arms, curves = {}, {}
    for arm, level in LEVELS.items():
        test = [round(level + b + noise.gauss(0, 0.003), 4) for b in base]
        epochs = [noise.randint(60, 160) for _ in range(seeds)]
        arms[arm] = {
            "test_acc": summary(test),
            "val_acc": summary([round(value + 0.006, 4) for value in test]),
            "epoch": summary([float(epoch) for epoch in epochs]),
        }
        curves[arm] = {
            "train_loss": [
                2.7 * math.exp(-epoch / 25) + 0.2 + noise.random() / 20
                for epoch in range(epochs[0])
            ],
            "val_acc": [
                level * (1 - math.exp(-epoch / 12)) + noise.gauss(0, 0.006)
                for epoch in range(epochs[0])
            ],
        }
    return Result(
        method="ellagnn",
        dataset={
            "name": "pydocs",
            "num_nodes": 3592,
            "num_edges": 11611,
            "num_classes": 15,
            "fingerprint": "3fe1c09a77b2d410",
        },
        split="random-20-30-per-class",
        seeds=list(range(seeds)),
        arms=arms,
        usage={
            "calls": 187,
            "cache_hits": 13,
            "prompt_tokens": 24312,
            "completion_tokens": 9120,
            "failures": 1,
            "cost": 0.0,
            "wall_s": 212.4,
        },
        timing={
            "data": 4.2,
            "encode": 31.0,
            "select": 0.3,
            "llm": 212.4,
            "train": 65.0,
        },
        config={
            "dataset": "pydocs",
            "backbone": "sage",
            "layers": 2,
            "selector": "pagerank",
            "budget": 100,
            "prompts": ["expand", "keywords"],
            "llm": "smollm2",
            "encoder": "minilm",
            "seeds": seeds,
            "max_tokens": None,
            "dry_run": False,
            "command": "graphllm ellagnn --dataset pydocs --budget 100 --seeds 5",
        },
        environment={
            "python": "3.11.9",
            "platform": "Linux-x86_64",
            "cpu_count": 2,
            "device": "cpu",
            "packages": {"torch": "2.13.0", "torch-geometric": "2.8.1"},
        },
        details=_details(noise, curves),
    )


def _details(noise: random.Random, curves: dict) -> dict:
    degree = [1 + int(noise.paretovariate(1.1)) for _ in range(3592)]
    return {
        "selection": {
            "selector": "pagerank",
            "budget": 100,
            "pool": "train+neighbors",
            "count": 100,
            "selected_degree": sorted(degree)[-100:],
            "all_degree": degree,
        },
        "curves": curves,
        "answers": {
            "asked": 200,
            "parsed": 191,
            "unparsed": 8,
            "failed": 1,
            "label_mentions": 0.215,
            "cosine_to_text": 0.6134,
        },
        "examples": [
            {
                "node": 12 + index,
                "name": name,
                "label": label,
                "text": text,
                "answers": answers,
                "neighbors_kept": 4 + index,
            }
            for index, (name, label, text, answers) in enumerate(_EXAMPLES)
        ],
        "llm": {"model": "SmolLM2-135M-Instruct"},
        "encoder": "minilm",
    }


_EXAMPLES = [
    (
        "scipy.linalg.expm",
        "linear algebra",
        "Compute the matrix exponential of an array.",
        [
            {
                "template": "expand@1",
                "raw": "The matrix exponential generalises the scalar exponential to "
                "square matrices. It solves linear systems of differential equations "
                "with constant coefficients, and is computed by scaling and squaring "
                "with a Padé approximant.",
                "ok": True,
            },
            {
                "template": "keywords@1",
                "raw": "matrix exponential; Padé; linear systems; eigenvalues",
                "ok": True,
            },
        ],
    ),
    (
        "numpy.ma.masked_where",
        "masked arrays",
        "Mask an array where a condition is met.",
        [{"template": "expand@1", "raw": EVIL, "ok": False}],
    ),
    (
        "networkx.pagerank",
        "graphs",
        "Returns the PageRank of the nodes in the graph.",
        [
            {
                "template": "expand@1",
                "raw": "PageRank ranks nodes by the structure of incoming links.",
                "ok": True,
            }
        ],
    ),
]


@pytest.fixture
def result() -> Result:
    return build_result()


@pytest.fixture
def lean():
    """Two arms and one plot: a page is drawn in a moment."""
    result = build_result(3)
    result.arms = {arm: result.arms[arm] for arm in ("plain", "ellagnn")}
    del result.details["curves"], result.details["selection"]["selected_degree"]
    return result

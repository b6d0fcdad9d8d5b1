"""What does a training step of LLaGA cost, and scoring every class?

SmolLM2-135M, Cora with MiniLM features, the Hop-Field template with 4 hops, in one
process; the two sides of a comparison take turns, and ratios are taken within a turn.

* A training step (forward, backward, AdamW) on 8 nodes with the constant part of the
  prompt read once, against the same step that reads it for every node. Both start
  each step from the same weights, and their losses are compared.
* Scoring all classes: ``LLaGA.score`` on ``--nodes`` nodes, against one forward a class
  over whole sequences without keys and values kept, on ``--plain-nodes`` of them.

Processor seconds stand beside the wall clock, which neighbours disturb more. On a GPU,
``--llama7b`` measures a random model of Llama-7B's shape in bfloat16 instead: tokens
a second and peak memory of a training step, for both templates.

    python benchmarks/llaga_step.py --data-root DIR
    python benchmarks/llaga_step.py --small
    python benchmarks/llaga_step.py --llama7b --out llama7b.json
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from graphllm.datasets import load_dataset
from graphllm.encode import encode_cached, load_encoder
from graphllm.evaluate import environment
from graphllm.graph_tokens import (
    GraphTemplate,
    GraphTokens,
    HopField,
    NeighborhoodDetail,
)
from graphllm.llm import load_llm
from graphllm.models import LLaGA
from graphllm.models.llaga.sequence import (
    GRAPH_ID,
    tokenize_answer,
    tokenize_prompt,
)
from graphllm.prompts import GraphPrompt, classification_prompt
from graphllm.testing import sbm_text_graph
from graphllm.testing.tiny_llms import llama_tokenizer

RESULTS = Path(__file__).parent / "results" / "llaga_step.json"
SMALL = {"steps": 2, "nodes": 4, "plain_nodes": 2, "score_batch": 2, "batch_size": 2}


class Clock:
    """Wall and processor seconds of calls, by name."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def time(self, name: str, call: Callable[[], Any]) -> Any:
        """Call, and keep how long it took."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(name, []).append(time.process_time() - cpu)
        return result

    def rows(self, items: dict[str, int]) -> dict[str, dict[str, Any]]:
        """For each name: medians of a call that handles so many items."""
        return {
            name: {
                "per_s": count / statistics.median(self.wall[name]),
                "per_cpu_s": count / statistics.median(self.cpu[name]),
                "wall_s": self.wall[name],
                "cpu_s": self.cpu[name],
            }
            for name, count in items.items()
        }

    def ratio(self, slow: str, fast: str, scale: float = 1.0) -> dict[str, float]:
        """Median over the turns of how many times longer ``slow`` took."""

        def median(values: dict[str, list[float]]) -> float:
            pairs = zip(values[slow], values[fast], strict=True)
            return statistics.median(scale * a / b for a, b in pairs)

        return {"wall": median(self.wall), "cpu": median(self.cpu)}


def step(
    model: LLaGA,
    optimizer: torch.optim.Optimizer,
    prompt: GraphPrompt,
    tokens: GraphTokens,
    answers: list[str],
) -> float:
    optimizer.zero_grad()
    loss = model(prompt, [tokens], answers)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def training(
    models: dict[str, LLaGA],
    prompt: GraphPrompt,
    batches: list[tuple[GraphTokens, list[str]]],
) -> dict[str, Any]:
    """Training steps in turns; the first of each is not counted."""
    clock, losses = Clock(), []
    optimizers = {
        name: torch.optim.AdamW(model.train().trainable(), lr=2e-3)
        for name, model in models.items()
    }
    shared, plain = models["shared"], models["plain"]
    for turn, (tokens, answers) in enumerate(batches):
        plain.projector.load_state_dict(shared.projector.state_dict())
        pair = {}
        for name, model in models.items():
            call = partial(step, model, optimizers[name], prompt, tokens, answers)
            pair[name] = call() if turn == 0 else clock.time(name, call)
        losses.append(pair)
    gap = max(abs(p["shared"] - p["plain"]) / p["plain"] for p in losses)
    size = len(batches[0][1])
    return {
        "samples": clock.rows({"shared": size, "plain": size}),
        "speedup": clock.ratio("plain", "shared"),
        "losses": losses,
        "largest_relative_difference": gap,
    }


@torch.no_grad()
def plain_scores(model: LLaGA, prompt: GraphPrompt, tokens: GraphTokens) -> Tensor:
    """One forward a class over whole sequences: nothing kept, nothing packed."""
    words = model.llm.get_input_embeddings()
    ids = tokenize_prompt(model.tokenizer, prompt)
    before = [*ids.prefix, *ids.body[: ids.body.index(GRAPH_ID)]]
    after = ids.body[ids.body.index(GRAPH_ID) + 1 :]
    graphs = model.project([tokens]).view(*tokens.mask.shape, -1)
    rows, scores = graphs.size(0), []
    for name in prompt.candidates:
        tail = tokenize_answer(model.tokenizer, name)
        parts = [
            words(torch.tensor(before)).expand(rows, -1, -1),
            graphs,
            words(torch.tensor([*after, *tail])).expand(rows, -1, -1),
        ]
        # As many as are needed, as in the other side.
        logits = model.llm(
            inputs_embeds=torch.cat(parts, 1),
            use_cache=False,
            logits_to_keep=len(tail) + 1,
        ).logits
        logp = logits[:, :-1].float().log_softmax(-1)
        index = torch.tensor(tail).view(1, -1, 1).expand(rows, -1, 1)
        scores.append(logp.gather(-1, index).sum((1, 2)))
    return torch.stack(scores, 1)


@torch.no_grad()
def scoring(
    model: LLaGA,
    prompt: GraphPrompt,
    batches: list[GraphTokens],
    plain_batches: int,
) -> dict[str, Any]:
    """All classes of some nodes; the plain way has every class wait for a forward."""
    model.eval()
    model.score(prompt, [batches[0]])
    clock, gap = Clock(), 0.0
    for turn, tokens in enumerate(batches):
        ours = clock.time("score", partial(model.score, prompt, [tokens]))
        if turn < plain_batches:
            theirs = clock.time("plain", partial(plain_scores, model, prompt, tokens))
            gap = max(gap, float(((ours - theirs) / theirs).abs().max()))
    size = batches[0].x.size(0)
    rows = clock.rows({"score": size, "plain": size})
    for values in (clock.wall, clock.cpu):
        values["score"] = values["score"][:plain_batches]
    return {
        "nodes": rows,
        "speedup": clock.ratio("plain", "score"),
        "largest_relative_difference": gap,
    }


def smollm2(args: argparse.Namespace) -> dict[str, Any]:
    data = load_dataset(args.dataset, args.data_root)
    x = encode_cached(load_encoder("minilm"), data.text)
    template = HopField(4)
    bound = template.bind(x, data.edge_index)
    service = load_llm("transformers:smollm2")
    prompt = classification_prompt(data.label_names, args.domain)
    models = {}
    for name in ("shared", "plain"):
        torch.manual_seed(args.seed)
        models[name] = LLaGA(
            *(service.language_model, service.tokenizer, template, x.size(1)),
            share_prefix=name == "shared",
        )
        models[name].projector.fit_inputs(bound(torch.arange(500)).x.flatten(0, 1))
    generator = torch.Generator().manual_seed(args.seed)
    order = torch.randperm(data.num_nodes, generator=generator)
    train = order[: (args.steps + 1) * args.batch_size].split(args.batch_size)
    batches = [
        (bound(nodes), [data.label_names[label] for label in data.y[nodes].tolist()])
        for nodes in train
    ]
    scored = [bound(nodes) for nodes in order[-args.nodes :].split(args.score_batch)]
    ids = tokenize_prompt(service.tokenizer, prompt)
    return {
        "model": service.model,
        "prompt_tokens": {
            "shared": len(ids.prefix),
            "own": len(ids.body) - 1 + template.num_tokens,
        },
        "training": training(models, prompt, batches),
        "scoring": scoring(
            models["shared"], prompt, scored, -(-args.plain_nodes // args.score_batch)
        ),
    }


def llama7b(args: argparse.Namespace) -> dict[str, Any]:
    """Random weights: speed and memory do not depend on them."""
    if not torch.cuda.is_available():
        raise SystemExit("--llama7b needs a CUDA device")
    tokenizer = llama_tokenizer()
    # Written out: the shape of Llama-2-7B.
    config = LlamaConfig(
        vocab_size=32_000,
        hidden_size=4096,
        intermediate_size=11_008,
        num_hidden_layers=32,
        num_attention_heads=32,
        max_position_embeddings=4096,
        dtype=torch.bfloat16,
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        llm = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    data = sbm_text_graph(600, p_in=0.1, p_out=0.01)
    x = torch.randn(600, 384, generator=torch.Generator().manual_seed(args.seed))
    prompt = classification_prompt(data.label_names)
    templates: dict[str, GraphTemplate] = {
        "nd": NeighborhoodDetail((10, 10)),
        "ho": HopField(4),
    }
    ways = {
        "shared": {},
        "plain": {"share_prefix": False},
        "recomputed": {"gradient_checkpointing": True},
    }
    rows = {}
    for name, template in templates.items():
        bound = template.bind(x, data.edge_index)
        for way, options in ways.items():
            model = LLaGA(llm, tokenizer, template, 384, **options)
            rows[f"{name}-{way}"] = gpu_step(model, prompt, bound, data, args)
    return {"parameters": sum(p.numel() for p in llm.parameters()), "steps": rows}


def gpu_step(
    model: LLaGA, prompt: GraphPrompt, bound: Any, data: Any, args: argparse.Namespace
) -> dict[str, Any]:
    optimizer = torch.optim.AdamW(model.train().trainable(), lr=2e-3)
    ids = tokenize_prompt(model.tokenizer, prompt)
    seconds, tokens = [], 0
    torch.cuda.reset_peak_memory_stats()
    for turn in range(args.steps + 2):
        first = turn * args.batch_size
        nodes = torch.arange(first, first + args.batch_size) % data.num_nodes
        graph = bound(nodes)
        answers = [data.label_names[label] for label in data.y[nodes].tolist()]
        torch.cuda.synchronize()
        start = time.perf_counter()
        step(model, optimizer, prompt, graph, answers)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        tails = sum(len(tokenize_answer(model.tokenizer, a)) - 1 for a in answers)
        words = args.batch_size * (len(ids.prefix) + len(ids.body) - 1) + tails
        tokens = words + int(graph.mask.sum())
    median = statistics.median(seconds[2:])
    return {
        "samples_per_s": args.batch_size / median,
        # Of whole sequences, also where their common part is read once.
        "tokens_per_s": tokens / median,
        "tokens_a_step": tokens,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
        "seconds": seconds[2:],
    }


def show(record: dict[str, Any]) -> None:
    if "steps" in record:
        print(f"{'step':<16} {'samples/s':>10} {'tokens/s':>10} {'peak GiB':>10}")
        for name, row in record["steps"].items():
            print(
                f"{name:<16} {row['samples_per_s']:10.2f} {row['tokens_per_s']:10,.0f} "
                f"{row['peak_gib']:10.1f}"
            )
        return
    print(f"{'':<20} {'a second':>10} {'a CPU second':>14}")
    for part, kind in (("training", "samples"), ("scoring", "nodes")):
        for name, row in record[part][kind].items():
            label = f"{kind}, {name}"
            print(f"{label:<20} {row['per_s']:10.2f} {row['per_cpu_s']:14.2f}")
        ratio = record[part]["speedup"]
        gap = record[part]["largest_relative_difference"]
        print(
            f"{part}: {ratio['wall']:.2f} times by the wall clock, {ratio['cpu']:.2f} "
            f"by processor time; numbers differ by {gap:.1e} at most"
        )
    print(f"tokens of a prompt: {record['prompt_tokens']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", default="cora")
    parser.add_argument("--domain", default="citation")
    parser.add_argument("--data-root", type=Path, help="default: GRAPHLLM_DATA")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=7, help="of each way, counted")
    parser.add_argument("--nodes", type=int, default=100, help="to score")
    parser.add_argument("--plain-nodes", type=int, default=20, help="the slow way")
    parser.add_argument("--score-batch", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="a look in seconds")
    parser.add_argument("--llama7b", action="store_true", help="needs a CUDA device")
    parser.add_argument("--out", type=Path, help="default: results/llaga_step.json")
    args = parser.parse_args()
    if args.small:
        vars(args).update(SMALL)
    torch.set_num_threads(args.threads)

    busy = os.getloadavg()[0]
    record = llama7b(args) if args.llama7b else smollm2(args)
    kept = {
        name: value
        for name, value in vars(args).items()
        if name not in ("out", "data_root")
    }
    record |= {
        "config": kept,
        "load_average_before": busy,
        "environment": environment(),
    }
    out = args.out or (None if args.small or args.llama7b else RESULTS)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    show(record)


if __name__ == "__main__":
    main()

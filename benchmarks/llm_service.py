"""How many answers a second does each backend give, on the same prompts?

One run, one machine, one model (SmolLM2-135M): plain ``generate`` one prompt at a
time, ``TransformersLLM`` in batches, ``LlamaCppLLM``, and ``CachedLLM`` on a filled
store. The prompts are what ``graphllm ellagnn --prompts expand`` asks about nodes of
PyDocs. All of it greedy and in float32, except llama.cpp, which runs the 4-bit file.
Prints a table and writes it as JSON.

    python benchmarks/llm_service.py
    python benchmarks/llm_service.py --prompts 8 --batch-size 8
"""

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from graphllm.datasets import PyDocs
from graphllm.evaluate import environment
from graphllm.llm import CachedLLM, Completion, LlamaCppLLM, Request, TransformersLLM
from graphllm.prompts import build_views, get_templates, render

RESULT = Path(__file__).parent / "results" / "llm_service.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--prompts", type=int, default=32, help="number of prompts")
    parser.add_argument("--cached", type=int, default=2048, help="stored answers")
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=1, help="the fastest counts")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=RESULT)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    requests = node_questions(args.prompts, args.max_new_tokens)
    batched = TransformersLLM.from_pretrained(args.model, batch_size=args.batch_size)
    batched.complete(requests[:1])  # the first call of all allocates
    rows: dict[str, dict[str, Any]] = {}

    def measure(name: str, answer: Callable[[], list[Completion]]) -> list[str]:
        busy, seconds = os.getloadavg()[0], math.inf
        for _ in range(args.repeat):
            started = time.perf_counter()
            answers = answer()
            seconds = min(seconds, time.perf_counter() - started)
        tokens = sum(answer.completion_tokens for answer in answers)
        rows[name] = {
            "answers": len(answers),
            "prompt_tokens": sum(answer.prompt_tokens for answer in answers),
            "completion_tokens": tokens,
            "seconds": seconds,
            "load_average_before": busy,
            "answers_per_s": len(answers) / seconds,
            "tokens_per_s": tokens / seconds,
        }
        return [answer.text for answer in answers]

    plain = measure("one_by_one", lambda: one_by_one(batched, requests))
    texts = measure("transformers", lambda: batched.complete(requests))
    with LlamaCppLLM(args.model, n_threads=args.threads) as llamacpp:
        quick = measure("llamacpp", lambda: llamacpp.complete(requests))
        turned = llamacpp.complete(requests[::-1])[::-1]
    with tempfile.TemporaryDirectory() as folder:
        cached = CachedLLM(batched, Path(folder) / "answers.sqlite")
        many = node_questions(args.cached, args.max_new_tokens)
        for position, request in enumerate(many):
            answer = Completion(texts[position % len(texts)])
            cached.store.put(cached.model, request, answer)
        measure("cached", lambda: cached.complete(many))
        hits = cached.usage.cache_hits / len(many)
        cached.store.close()

    base = rows["one_by_one"]
    for row in rows.values():
        row["speedup"] = row["answers_per_s"] / base["answers_per_s"]
    result = {
        "model": {"transformers": batched.model, "llamacpp": llamacpp.model},
        "config": {name: value for name, value in vars(args).items() if name != "out"},
        "n_parallel": llamacpp.concurrency,
        "rows": rows,
        "equal_share": {
            "transformers_to_one_by_one": share(texts, plain),
            "llamacpp_in_another_order": share([a.text for a in turned], quick),
        },
        "cache_hit_share": hits,
        "environment": environment(),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    show(result)


def node_questions(number: int, max_new_tokens: int) -> list[Request]:
    """The expand prompt for nodes spread over PyDocs."""
    data = PyDocs()[0]
    nodes = torch.linspace(0, data.num_nodes - 1, number).long()
    template = get_templates("expand", "software")[0]
    return [
        render(template, view, max_new_tokens=max_new_tokens)
        for view in build_views(data, nodes)
    ]


def one_by_one(llm: TransformersLLM, requests: list[Request]) -> list[Completion]:
    """What a script without graphllm does: template, generate, decode."""
    answers = []
    for request in requests:
        chat = [{"role": m.role, "content": m.content} for m in request.messages]
        inputs = llm.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        width = inputs["input_ids"].size(1)
        with torch.no_grad():
            output = llm.language_model.generate(
                **inputs, max_new_tokens=request.max_new_tokens, do_sample=False
            )[0, width:]
        text = llm.tokenizer.decode(output, skip_special_tokens=True)
        answers.append(
            Completion(text, prompt_tokens=width, completion_tokens=len(output))
        )
    return answers


def share(left: list[str], right: list[str]) -> float:
    """Share of equal answers."""
    return sum(a == b for a, b in zip(left, right, strict=True)) / len(left)


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{'':14}{'answers/s':>11}{'tokens/s':>10}{'seconds':>9}{'speed-up':>10}")
    for name, row in result["rows"].items():
        print(
            f"{name:14}{row['answers_per_s']:>11.2f}{row['tokens_per_s']:>10.1f}"
            f"{row['seconds']:>9.2f}{row['speedup']:>9.1f}x"
        )
    equal = result["equal_share"]
    print(
        f"equal answers: {equal['transformers_to_one_by_one']:.0%} batched and one by "
        f"one, {equal['llamacpp_in_another_order']:.0%} llama.cpp in another order; "
        f"cache hits {result['cache_hit_share']:.0%}"
    )


if __name__ == "__main__":
    main()

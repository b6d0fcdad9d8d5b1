"""How fast is a compressed language model on this CPU, and how small is it on disk?

All models in one process, taking turns, so that a busy minute hits all alike: tokens
read and written a second by torch, with perplexity and all files that must be shipped;
llama.cpp's own clock for the GGUF files beside them. Texts as in ``compression.py``.
Models whose name ends in ``repaired`` are trained on all of the calibration text, by
low-rank adapters and against the dense model; ``--repaired`` keeps them.

    python benchmarks/compression_speed.py --data-root data --repaired runs/repaired
"""

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import torch

# The script beside this one.
from compression import GGUF, measured_gguf, quality, texts_of

from graphllm._optional import available
from graphllm.compress import (
    Calibration,
    CompressionConfig,
    DropBlocks,
    DynamicInt8,
    FFNSkip,
    FFNWidth,
    Int4,
    Int8,
    WeLore,
    compress_,
    load,
    repair_,
    save,
)
from graphllm.evaluate import environment
from graphllm.experiments.compression import Measure, saved_bytes
from graphllm.llm.read_model import read_model

RESULTS = Path(__file__).parent / "results" / "compression_speed.json"
REPAIRED = "repaired"
# Methods are applied one after the other.
MODELS: dict[str, list[CompressionConfig]] = {
    "int8": [Int8()],
    "int4": [Int4()],
    "dynamic_int8": [DynamicInt8()],
    "ffn_width 25 %": [FFNWidth(0.25)],
    "ffn_width 50 %": [FFNWidth(0.5)],
    "drop_blocks 10 %": [DropBlocks(0.1)],
    f"drop_blocks 30 %, ffn_width 40 %, {REPAIRED}": [DropBlocks(0.3), FFNWidth(0.4)],
    "welore 30 % of the weights": [WeLore(0.3, "params", only_lrc=False)],
    "ffn_skip dynamic": [FFNSkip()],
    "ffn_skip static 10 %": [FFNSkip("static", ratio=0.1)],
}


def compressed(
    name: str,
    dense: Any,
    tokenizer: Any,
    seen: list[str],
    calibration: Calibration,
    args: argparse.Namespace,
) -> Any:
    """One model; a repaired one is read from its folder where it is there."""
    words = name.replace(" %", "").replace(",", "").split()
    folder = args.repaired / "_".join([args.model, *words, str(args.steps)])
    if name.endswith(REPAIRED) and folder.exists():
        return load(folder)
    model = copy.deepcopy(dense)
    for config in MODELS[name]:
        compress_(model, config, calibration)
    if name.endswith(REPAIRED):
        every = Calibration.from_texts(seen, tokenizer, 4 * args.steps, 256)
        repair_(
            *(model, every, "lora"),
            steps=args.steps,
            lr=1e-3,
            rank=32,
            teacher=dense,
            kl_weight=1.0,
            progress=lambda done, total: print(f"{name}: {done}/{total}", flush=True),
        )
        save(model, folder, tokenizer)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prefill", type=int, default=192)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--steps", type=int, default=150, help="of each repair")
    parser.add_argument("--repaired", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    args.text = "wikitext2"
    tokenizer, dense = read_model(args.model, None, torch.device("cpu"))
    seen, text = texts_of(args)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    measure = Measure(
        ids[0, : 4 * 512].view(4, 512), args.prefill, args.decode, args.repeats
    )
    calibration = Calibration.from_texts(seen, tokenizer, 32, 256)
    models: dict[str, Any] = {"dense": dense}
    for name in args.models:
        models[name] = compressed(name, dense, tokenizer, seen, calibration, args)
        print(f"{name}: compressed", flush=True)
    speeds = measure.speeds(models)
    rows: dict[str, Any] = {}
    for name, model in models.items():
        rows[name] = {**speeds[name]._asdict(), **quality(dense, model, measure)}
        rows[name]["disk_bytes"] = saved_bytes(model, tokenizer, args.out)
        print(name, rows[name], flush=True)
    for dtype in GGUF if available("xllamacpp") else ():
        rows[f"gguf {dtype}"] = measured_gguf(dense, tokenizer, dtype, measure)
        print(dtype, rows[f"gguf {dtype}"], flush=True)
    record = {
        "config": {
            "prefill": args.prefill,
            "decode": args.decode,
            "repeats": args.repeats,
            "windows": [4, 512],
            "repair_steps": args.steps,
        },
        "threads": torch.get_num_threads(),
        "rows": rows,
        "environment": environment(),
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"result: {args.out}")


if __name__ == "__main__":
    main()

"""How fast is a compressed language model on this CPU, and how small is it on disk?

All models in one process, taking turns, so that a busy minute hits all alike: tokens
read and written a second by torch, with perplexity and all files that must be shipped;
llama.cpp's own clock for the GGUF files beside them. Texts as in ``compression.py``.

    python benchmarks/compression_speed.py --data-root data
"""

import argparse
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from compression import texts_of  # the script beside this one

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
    save,
    size_of,
)
from graphllm.evaluate import environment
from graphllm.experiments.compression import Measure, measure_gguf
from graphllm.llm.read_model import read_model

RESULTS = Path(__file__).parent / "results" / "compression_speed.json"
MODELS: dict[str, CompressionConfig] = {
    "int8": Int8(),
    "int4": Int4(),
    "dynamic_int8": DynamicInt8(),
    "ffn_width 25 %": FFNWidth(0.25),
    "ffn_width 40 %": FFNWidth(0.4),
    "drop_blocks 10 %": DropBlocks(0.1),
    "welore 30 % of the weights": WeLore(0.3, "params", only_lrc=False),
    "ffn_skip dynamic": FFNSkip(),
    "ffn_skip static 10 %": FFNSkip("static", ratio=0.1),
}
GGUF = ("F16", "Q8_0", "Q4_0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prefill", type=int, default=192)
    parser.add_argument("--decode", type=int, default=64)
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
        models[name] = copy.deepcopy(dense)
        compress_(models[name], MODELS[name], calibration)
        print(f"{name}: compressed", flush=True)
    speeds = measure.speeds(models)
    rows: dict[str, Any] = {}
    for name, model in models.items():
        if getattr(model, "ffn_skip", None) is not None:
            model.ffn_skip.reset()
        rows[name] = {**speeds[name]._asdict(), **quality(dense, model, measure)}
        with tempfile.TemporaryDirectory(dir=".") as folder:
            path = save(model, Path(folder) / "model", tokenizer)
            rows[name]["disk_bytes"] = size_of(path)
        print(name, rows[name], flush=True)
    for dtype in GGUF if available("xllamacpp") else ():
        rows[f"gguf {dtype}"] = gguf_row(dense, tokenizer, dtype, measure)
        print(dtype, rows[f"gguf {dtype}"], flush=True)
    record = {
        "config": {
            "prefill": args.prefill,
            "decode": args.decode,
            "repeats": args.repeats,
            "windows": [4, 512],
        },
        "threads": torch.get_num_threads(),
        "rows": rows,
        "environment": environment(),
    }
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"result: {args.out}")


def quality(dense: Any, model: Any, measure: Measure) -> dict[str, Any]:
    """Perplexity and agreement with the dense model."""
    found, skipped = measure.read(dense, model)
    told = {"perplexity": found.perplexity, "kl": found.kl, "top1": found.top1}
    return told if skipped is None else {**told, "skipped": skipped}


def gguf_row(
    dense: Any, tokenizer: Any, dtype: str, measure: Measure
) -> dict[str, Any]:
    """The dense model in llama.cpp."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "model.gguf"
        return measure_gguf(dense, dense, tokenizer, path, dtype, measure).metrics()


if __name__ == "__main__":
    main()

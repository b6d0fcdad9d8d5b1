"""How much language does a small model keep, by every method of compression?

SmolLM2-135M-Instruct, read in 4 windows of 512 tokens after each method took the dense
model and 32 sequences of 256 tokens of other text: ``--text wikitext2`` (its test file,
calibrated on the validation file) or ``--text news`` (the last of 90 news stories,
calibrated on the first). One row a method; a row that is in the ledger, made under the
same settings, is not computed again.

    python benchmarks/compression.py --data-root data
    python benchmarks/compression.py --data-root data --text news --rows reference
    python benchmarks/compression.py --data-root data --rows wanda --out other.json
"""

import argparse
import copy
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from graphllm.compress import (
    AWQ,
    GPTQ,
    RTN,
    Calibration,
    CompressionConfig,
    DropBlocks,
    DropFFN,
    DynamicInt8,
    FFNSkip,
    FFNWidth,
    Int4,
    Int8,
    Magnitude,
    SparseGPT,
    UniformSVD,
    Wanda,
    WeLore,
    compress_,
)
from graphllm.evaluate import environment
from graphllm.experiments.compression import Measure, measure_gguf, saved_bytes
from graphllm.llm.read_model import read_model

FOLDER = Path(__file__).parent / "results"
GGUF = ("F16", "Q8_0", "Q4_0")
# Measured once by a program of its own, on news (perplexity of the dense model 21.5).
REFERENCE = (
    "wanda 0.3",
    "wanda 0.5",
    "sparsegpt 0.5",
    "magnitude 0.5",
    "wanda 2:4",
    "sparsegpt 2:4",
    "magnitude 2:4",
    "wanda 0.5 owl",
    "wanda 0.5 alpha",
    "rtn 4",
    "gptq 4",
    "awq 4",
    "rtn 3",
    "gptq 3",
    "awq 3",
    "int8",
    "welore 0.4",
    "welore 0.4 unwhitened",
    "ffn_width 0.1",
    "ffn_width 0.25",
    "dynamic_int8",
)


def rows() -> dict[str, CompressionConfig]:
    """Every row of the table, the quick and telling ones first."""
    table: dict[str, CompressionConfig] = {"int8": Int8(), "int4": Int4()}
    pruning = (Magnitude, Wanda, SparseGPT)
    for kind in pruning:
        for ratio in (0.3, 0.5):
            table[f"{kind.method} {ratio}"] = kind(ratio)
        table[f"{kind.method} 2:4"] = kind(pattern="2:4")
    for bits in (8, 4, 3):
        for rounding in (RTN, GPTQ, AWQ):
            table[f"{rounding.method} {bits}"] = rounding(bits)
    table["dynamic_int8"] = DynamicInt8()
    for ratio in (0.1, 0.25):
        table[f"ffn_width {ratio}"] = FFNWidth(ratio)
    table["drop_ffn 0.1"] = DropFFN(0.1)
    table["drop_blocks 0.1"] = DropBlocks(0.1)
    table["ffn_skip static 0.1"] = FFNSkip("static", ratio=0.1)
    for ratio in (0.1, 0.2, 0.3, 0.4, 0.5):
        table[f"welore {ratio}"] = WeLore(ratio)
        table[f"uniform_svd {ratio} whitened"] = UniformSVD(ratio, whiten=True)
        table[f"uniform_svd {ratio}"] = UniformSVD(ratio)
        table[f"welore {ratio} unwhitened"] = WeLore(ratio, whiten=False)
    table["welore 0.3 of the weights"] = WeLore(0.3, "params", only_lrc=False)
    for allocate in ("owl", "alpha"):
        for kind in pruning:
            for ratio in (0.5, 0.3):
                name = f"{kind.method} {ratio} {allocate}"
                table[name] = kind(ratio, allocate=allocate)
    table["ffn_skip dynamic"] = FFNSkip()
    return table


def texts_of(args: argparse.Namespace) -> tuple[list[str], str]:
    """Texts to calibrate on, and the text to read."""
    folder = args.data_root / "llm_eval"
    if args.text == "wikitext2":
        place = folder / "wikitext2"
        seen = (place / "wiki.valid.tokens").read_text("utf-8")
        return [seen], (place / "wiki.test.tokens").read_text("utf-8")
    lines = (folder / "cnn_dm" / "new_question.jsonl").read_text("utf-8").splitlines()
    stories = [story_of(json.loads(line)) for line in lines if line.strip()]
    return stories[:60], "\n\n".join(stories[60:])


def story_of(question: dict[str, Any]) -> str:
    """The news story in one entry, without instruction and highlights."""
    return str(question["text"]).partition("\n\n")[2].partition("@highlight")[0]


def measured(
    dense: Any,
    tokenizer: Any,
    config: CompressionConfig,
    calibration: Calibration,
    measure: Measure,
    beside: Path,
) -> dict[str, Any]:
    """One row."""
    model = copy.deepcopy(dense)
    report = compress_(model, config, calibration)
    return {
        "config": report.config,
        **quality(dense, model, measure),
        "disk_bytes": saved_bytes(model, tokenizer, beside),
        "kept_parameters": report.kept_parameters,
        "compress_s": report.seconds,
    }


def quality(dense: Any, model: Any, measure: Measure) -> dict[str, Any]:
    """Perplexity, agreement with the dense model, and what was skipped."""
    found, skipped = measure.read(dense, model)
    return {
        "perplexity": found.perplexity,
        "kl": found.kl,
        "top1": found.top1,
        "skipped": skipped,
    }


def measured_gguf(
    dense: Any, tokenizer: Any, dtype: str, measure: Measure
) -> dict[str, Any]:
    """The dense model in a GGUF type, read back."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "model.gguf"
        row = measure_gguf(dense, dense, tokenizer, path, dtype, measure).metrics()
        return {**row, "top1": row.pop("top1_share")}


def work_of(
    args: argparse.Namespace, ledger: Path, done: dict[str, Any]
) -> dict[str, Any]:
    """All rows, those of the ledger first; each new one is kept at once."""
    tokenizer, dense = read_model(args.model, None, torch.device("cpu"))
    seen, text = texts_of(args)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"][0]
    count = args.windows * args.window
    measure = Measure(ids[:count].view(args.windows, args.window), repeats=0)
    calibration = Calibration.from_texts(
        seen, tokenizer, args.sequences, args.length, args.seed
    )
    table: dict[str, Any] = {"dense": None}
    table |= {f"gguf {dtype}": dtype for dtype in GGUF}
    table |= rows()
    for name, config in table.items():
        if name in done or not wanted(name, args.rows):
            continue
        started = time.perf_counter()
        if name == "dense":
            found, _ = measure.read(dense, dense)
            size = saved_bytes(dense, tokenizer, ledger)
            row: dict[str, Any] = {"perplexity": found.perplexity, "disk_bytes": size}
        elif isinstance(config, str):
            row = measured_gguf(dense, tokenizer, config, measure)
        else:
            row = measured(dense, tokenizer, config, calibration, measure, ledger)
        done[name] = row
        with ledger.open("a", encoding="utf-8") as file:
            line = {"row": name, "settings": settings_of(args), **row}
            file.write(json.dumps(line) + "\n")
        took = time.perf_counter() - started
        print(f"{name:<28} {row['perplexity']:12.2f}  {took:5.0f} s", flush=True)
    return {name: done[name] for name in table if name in done}


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """What a row depends on, the method apart."""
    names = ("model", "text", "windows", "window", "sequences", "length", "seed")
    return {name: getattr(args, name) for name in names}


def kept(ledger: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Rows of the ledger that were made under these settings."""
    rows = {}
    for line in ledger.read_text("utf-8").splitlines() if ledger.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:  # cut off in the middle
            continue
        if row.pop("settings", None) == settings:
            rows[row.pop("row")] = row
    return rows


def wanted(name: str, chosen: str | None) -> bool:
    """Whether a row is asked for; the dense model always is."""
    if chosen is None or name == "dense":
        return True
    return name in REFERENCE if chosen == "reference" else name.startswith(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--text", choices=["wikitext2", "news"], default="wikitext2")
    parser.add_argument("--rows", help="'reference', or how their names begin")
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--sequences", type=int, default=32)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ledger", type=Path, help="rows so far, to go on from")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    out = args.out or FOLDER / f"compression_{args.text}.json"
    ledger = args.ledger or out.with_suffix(".jsonl")
    settings = settings_of(args)
    found = work_of(args, ledger, kept(ledger, settings))
    record = {"config": settings, "rows": found, "environment": environment()}
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"result: {out}")


if __name__ == "__main__":
    main()

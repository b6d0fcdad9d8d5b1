"""One compression from the dense model to a directory, with all it costs."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graphllm.compress import (
    Calibration,
    CompressionConfig,
    RepairReport,
    Report,
    check_gguf,
    compress_,
    repair_,
    save,
    size_of,
)
from graphllm.compress.base import count_bytes
from graphllm.compress.blocks import find_blocks
from graphllm.compress.count import count_parameters
from graphllm.compress.repair.repair import Method
from graphllm.compress.walk import fitting
from graphllm.evaluate import Result, environment, summary
from graphllm.experiments.compression.gguf import measure_gguf
from graphllm.experiments.compression.measure import DENSE, Measure, Row, saved_bytes

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Repair:
    """Training after the compression, as :func:`~graphllm.compress.repair_` does it.

    Args:
        method (str): ``"sparse_lora"``, ``"lora"`` or ``"low_rank"``.
        calibration (Calibration): What it trains on.
        steps (int, optional): Steps. (default: :obj:`100`)
        lr (float, optional): Learning rate. (default: :obj:`1e-4`)
        rank (int, optional): Rank of the adapters. (default: :obj:`8`)
        batch_size (int, optional): Sequences a step. (default: :obj:`4`)
        kl_weight (float, optional): Weight of the dense model as a teacher;
            :obj:`0` for none. (default: :obj:`0.1`)
    """

    method: Method
    calibration: Calibration
    steps: int = 100
    lr: float = 1e-4
    rank: int = 8
    batch_size: int = 4
    kl_weight: float = 0.1

    def run(self, model: Any, dense: Any, seed: int, progress: Any) -> RepairReport:
        """Train the model, in place."""
        return repair_(
            model,
            self.calibration,
            self.method,
            steps=self.steps,
            lr=self.lr,
            rank=self.rank,
            # As much weight as the rank of the adapters has by default.
            alpha=2.0 * self.rank,
            teacher=dense if self.kl_weight > 0 else None,
            kl_weight=self.kl_weight,
            batch_size=self.batch_size,
            seed=seed,
            progress=progress,
        )


def run_compression(
    model: Any,
    tokenizer: Any,
    config: CompressionConfig,
    measure: Measure,
    out: Path,
    *,
    name: str,
    calibration: Calibration | None = None,
    repair: Repair | None = None,
    gguf: str | None = None,
    seed: int = 0,
    progress: Progress = lambda stage, done, total: None,
) -> Result:
    """Compress a model, write it, and measure it beside what it was.

    Both models are held in memory. The directory appears when the model in it is
    whole; a run that is interrupted before leaves what was there.

    Args:
        model (PreTrainedModel): The dense model; it is compressed in place.
        tokenizer (PreTrainedTokenizerBase): Its tokenizer.
        config (CompressionConfig): The method.
        measure (Measure): How both are measured.
        out (Path): The directory of the compressed model.
        name (str): What the dense model is called.
        calibration (Calibration, optional): For methods that need one.
        repair (Repair, optional): Training after the compression.
        gguf (str, optional): Also write ``model-TYPE.gguf`` of this type there.
        seed (int, optional): Of the repair. (default: :obj:`0`)
        progress (Callable, optional): Called with the stage, steps done, all steps.

    Returns:
        Result: An arm a model, with ``details["study"]`` of kind ``"compression"``.

    Raises:
        CompressionError: Whatever does not fit.
    """
    _check_fits(model, tokenizer, measure, repair, gguf)
    seconds: dict[str, float] = {}
    dense = copy.deepcopy(model).eval()
    began = time.perf_counter()
    report = compress_(
        model,
        config,
        calibration,
        progress=lambda done, total: progress("compress", done, total),
    )
    seconds["compress"] = time.perf_counter() - began
    # A repair can fail, and what came before it may have taken hours.
    save(model, out, tokenizer)
    repaired = None
    if repair is not None:
        began = time.perf_counter()
        repaired = repair.run(
            model, dense, seed, lambda done, total: progress("repair", done, total)
        )
        seconds["repair"] = time.perf_counter() - began
        save(model, out, tokenizer)
    began = time.perf_counter()
    progress("read text", 0, 1)
    rows = _rows(dense, model, tokenizer, report, measure, out)
    progress("read text", 1, 1)
    progress("speed", 0, 1)
    for row, speed in zip(
        rows,
        measure.speeds({DENSE: dense, rows[1].arm: model}).values(),
        strict=False,
    ):
        row.prefill, row.decode = speed.prefill, speed.decode
    progress("speed", 1, 1)
    if gguf is not None:
        path = out / f"model-{gguf.lower()}.gguf"
        progress("gguf", 0, 1)
        rows.append(measure_gguf(dense, model, tokenizer, path, gguf, measure))
        progress("gguf", 1, 1)
    seconds["measure"] = time.perf_counter() - began
    return _result(
        *(name, dense, rows, report, repair, repaired),
        *(measure, seconds, calibration, seed),
    )


def _check_fits(
    model: Any,
    tokenizer: Any,
    measure: Measure,
    repair: Repair | None,
    gguf: str | None,
) -> None:
    """Refuse what could not be measured after all the work."""
    fitting(model, measure.input_ids, "windows of the text")
    if measure.repeats:
        timed = measure.input_ids.new_zeros(1, measure.prefill + measure.decode)
        fitting(model, timed, "sequences that are timed")
    if repair is not None:
        fitting(model, repair.calibration.input_ids, "sequences of the repair")
    if gguf is not None:
        check_gguf(model, tokenizer, gguf)


def _rows(
    dense: Any,
    model: Any,
    tokenizer: Any,
    report: Report,
    measure: Measure,
    out: Path,
) -> list[Row]:
    found, skipped = measure.read(dense, model)
    size = count_parameters(dense)
    before = Row(
        DENSE,
        found.dense_perplexity,
        0.0,
        1.0,
        saved_bytes(dense, tokenizer, out),
        count_bytes(dense),
        size,
        size,
    )
    after = Row(
        report.config["method"],
        found.perplexity,
        found.kl,
        found.top1,
        size_of(out),
        count_bytes(model),
        size,
        report.kept_parameters,
        skipped_share=skipped,
    )
    return [before, after]


def _result(
    name: str,
    dense: Any,
    rows: list[Row],
    report: Report,
    repair: Repair | None,
    repaired: RepairReport | None,
    measure: Measure,
    seconds: dict[str, float],
    calibration: Calibration | None,
    seed: int,
) -> Result:
    windows, length = measure.input_ids.shape
    return Result(
        method="compress",
        dataset={
            "name": name,
            "num_parameters": count_parameters(dense),
            "num_blocks": len(find_blocks(dense)),
        },
        split="",
        seeds=[seed],
        arms={
            row.arm: {key: summary([value]) for key, value in row.metrics().items()}
            for row in rows
        },
        timing=seconds,
        environment=environment(),
        details={
            "baseline": DENSE,
            "method_arm": rows[1].arm,
            "study": {
                "kind": "compression",
                "dtype": str(dense.dtype).removeprefix("torch."),
                "rows": [asdict(row) for row in rows],
                "config": report.config,
                "layers": [asdict(layer) for layer in report.layers],
                "text": {"tokens": windows * length, "window": length},
                "calibration": None
                if calibration is None
                else dict(
                    zip(
                        ("sequences", "length"),
                        calibration.input_ids.shape,
                        strict=True,
                    )
                ),
                "repair": _told(repair, repaired),
                "speed": measure.describe(dense.device),
                "seconds": seconds,
            },
        },
    )


def _told(repair: Repair | None, report: RepairReport | None) -> dict[str, Any] | None:
    if repair is None or report is None:
        return None
    return {**asdict(report), "sequences": len(repair.calibration.input_ids)}

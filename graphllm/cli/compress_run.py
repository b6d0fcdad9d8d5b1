"""What ``graphllm compress`` does, once its options are read."""

from types import SimpleNamespace
from typing import Any

from graphllm.cli import setup
from graphllm.cli.compress_choices import (
    check,
    config_of,
    reads_text,
    repair_options,
)
from graphllm.cli.llaga_choices import device_of
from graphllm.cli.progress import Bars
from graphllm.cli.texts import texts_of, tokens_of
from graphllm.compress import Calibration, CompressionConfig
from graphllm.evaluate import Result
from graphllm.experiments.compression import Measure, Repair, run_compression
from graphllm.llm.read_model import read_model


def run(given: SimpleNamespace) -> Result:
    """Compress and measure.

    Whatever depends on the options alone is refused before anything is loaded.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.compress.compress`.

    Returns:
        Result: With arguments and command.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    config = config_of(given)
    check(given, config)
    repair_options(given)
    device = device_of(given.device)
    with Bars() as bars:
        bars.update("open language model", 0, 1)
        tokenizer, model = read_model(given.model, None, device)
        bars.update("open language model", 1, 1)
        text = texts_of(given.text, "val", given.data_root, given.seed, bars)
        measure = Measure(
            tokens_of(text, tokenizer, given.windows, given.window),
            # What skips after some tokens is timed on as many that it may skip.
            decode=Measure.decode + getattr(config, "warm_up", 0),
            repeats=given.repeats,
        )
        calibration, repair = _trained_on(given, config, tokenizer, bars)
        result = run_compression(
            model,
            tokenizer,
            config,
            measure,
            given.out,
            name=given.model,
            calibration=calibration,
            repair=repair,
            gguf=given.gguf,
            seed=given.seed,
            progress=bars.update,
        )
        setup.record(result, vars(given), None, bars)
    study = result.details["study"]
    study["text"]["name"] = given.text
    for part in ("calibration", "repair"):
        if study[part] is not None:
            study[part]["name"] = given.calibration
    return result


def _trained_on(
    given: SimpleNamespace, config: CompressionConfig, tokenizer: Any, bars: Bars
) -> tuple[Calibration | None, Repair | None]:
    """What the method looks at, and what repairs it."""
    if not (reads_text(config) or given.repair):
        return None, None
    texts = texts_of(given.calibration, "train", given.data_root, given.seed, bars)

    def drawn(sequences: int) -> Calibration:
        return Calibration.from_texts(
            texts, tokenizer, sequences, given.length, given.seed
        )

    calibration = drawn(given.sequences) if reads_text(config) else None
    if given.repair is None:
        return calibration, None
    steps = given.repair_steps
    return calibration, Repair(
        given.repair,
        drawn(Repair.batch_size * steps),
        steps,
        given.repair_lr,
        given.repair_rank,
        kl_weight=given.kl_weight,
    )

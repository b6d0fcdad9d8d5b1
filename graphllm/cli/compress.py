"""``graphllm compress``: a smaller or faster language model, and what that costs."""

from pathlib import Path
from types import SimpleNamespace

from graphllm.cli import compress_options as own
from graphllm.cli import options as opt
from graphllm.cli.ellagnn import finish


def compress(
    model: own.Model = "smollm2",
    method: own.Method = "int8",
    ratio: own.Ratio = None,
    pattern: own.Pattern = None,
    allocate: own.Allocate = None,
    bits: own.Bits = None,
    group_size: own.GroupSize = None,
    packed: own.Packed = None,
    objective: own.Objective = None,
    whiten: own.Whiten = None,
    only_lrc: own.OnlyLrc = None,
    score: own.Score = None,
    refit: own.Refit = None,
    multiple_of: own.MultipleOf = None,
    blocks: own.Blocks = None,
    mode: own.Mode = None,
    threshold: own.Threshold = None,
    k: own.Skips = None,
    warm_up: own.WarmUp = None,
    calibration: own.Calibration = "pydocs",
    sequences: own.Sequences = 32,
    length: own.Length = 256,
    text: own.Text = "pydocs",
    windows: own.Windows = 4,
    window: own.Window = 512,
    repeats: own.Repeats = 3,
    repair: own.Repair = None,
    repair_steps: own.RepairSteps = None,
    repair_lr: own.RepairLr = None,
    repair_rank: own.RepairRank = None,
    kl_weight: own.KlWeight = None,
    gguf: own.Gguf = None,
    seed: own.Seed = 0,
    device: opt.Device = None,
    data_root: opt.DataRoot = None,
    out: own.Out = Path("runs/compressed"),
    json_: opt.Json = False,
) -> None:
    """Compress a language model, and measure it beside the dense one.

    OUT becomes a model directory: every verb takes it as --llm OUT. Beside the
    weights lie result.json and report.html with perplexity, agreement, bytes and
    tokens a second of both models.
    """
    given = SimpleNamespace(**locals())
    # torch loads only now: --help stays quick.
    from graphllm.cli.compress_run import run

    # The run knows what ~ stands for.
    finish(run(given), given.out, json_)

"""Options of ``graphllm compress`` alone."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str,
    typer.Option(help="smollm2, a model directory, a .gguf file or a hub name."),
]
Method = Annotated[
    str,
    typer.Option(
        help="magnitude, wanda, sparsegpt; welore, uniform-svd; rtn, gptq, awq, int8, "
        "int4, dynamic-int8; ffn-width, drop-ffn, drop-blocks or ffn-skip."
    ),
]
Ratio = Annotated[
    float | None,
    typer.Option(
        help="Share that goes: of the weights (pruning), the rank (low rank), the "
        "width, the layers (ffn-skip: static then)."
    ),
]
Pattern = Annotated[
    str | None, typer.Option(help="Instead, for pruning: 2:4 keeps 2 of every 4.")
]
Allocate = Annotated[
    str | None,
    typer.Option(help="Share of each block: uniform, owl or alpha. [default: uniform]"),
]
Bits = Annotated[
    int | None, typer.Option(help="Of a weight: 2 to 8 (rtn, gptq, awq). [default: 4]")
]
GroupSize = Annotated[
    int | None, typer.Option(min=1, help="Weights that share a grid. [default: 64]")
]
Packed = Annotated[
    bool | None,
    typer.Option(
        "--packed", help="Store codes, not weights (rtn, gptq, awq): small files."
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(help="What --ratio counts at low rank: rank or params."),
]
Whiten = Annotated[
    bool | None,
    typer.Option(help="Keep outputs, and not weights (low rank)."),
]
OnlyLrc = Annotated[
    bool | None,
    typer.Option(help="Leave matrices whole that keep half of their rank (welore)."),
]
Score = Annotated[
    str | None,
    typer.Option(
        help="Channels of ffn-width: activation, magnitude, reconstruction or "
        "sensitivity."
    ),
]
Refit = Annotated[
    bool | None,
    typer.Option(help="Fit what is left to the outputs of ffn-width's dense layers."),
]
MultipleOf = Annotated[
    int | None,
    typer.Option(min=1, help="Round ffn-width's layers to this; 32 suits GGUF."),
]
Blocks = Annotated[
    str | None,
    typer.Option(
        help="Instead of --ratio, which blocks drop-ffn, drop-blocks and ffn-skip "
        "leave out, from 0: 3,5,8."
    ),
]
Mode = Annotated[str | None, typer.Option(help="Of ffn-skip: dynamic or static.")]
Threshold = Annotated[
    float | None,
    typer.Option(help="Cosine from which ffn-skip skips; outliers of dynamic-int8."),
]
Skips = Annotated[
    int | None, typer.Option("--k", min=1, help="Layers ffn-skip skips at once.")
]
WarmUp = Annotated[
    int | None, typer.Option(min=0, help="Tokens before ffn-skip skips.")
]
Calibration = Annotated[
    str,
    typer.Option(
        help="Text that methods and repairs look at (some, like int8, look at none): "
        "a file, or a data set (its training nodes)."
    ),
]
Sequences = Annotated[int, typer.Option(min=1, help="Sequences of it.")]
Length = Annotated[int, typer.Option(min=2, help="Tokens of a sequence.")]
Text = Annotated[
    str,
    typer.Option(
        help="Text the models are compared on: a file, or a data set (its validation "
        "nodes)."
    ),
]
Windows = Annotated[int, typer.Option(min=1, help="Windows of it at most.")]
Window = Annotated[int, typer.Option(min=2, help="Tokens of a window.")]
Repeats = Annotated[
    int, typer.Option(min=0, help="Measurements of the speed; 0 for none.")
]
Repair = Annotated[
    str | None,
    typer.Option(
        help="Train afterwards: sparse_lora (zeros stay), lora, or low_rank (the "
        "factors of welore)."
    ),
]
RepairSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Steps of four sequences. [default: 100]"),
]
RepairLr = Annotated[
    float | None, typer.Option(min=0.0, help="Its learning rate. [default: 1e-4]")
]
RepairRank = Annotated[
    int | None, typer.Option(min=1, help="Rank of its adapters. [default: 8]")
]
KlWeight = Annotated[
    float | None,
    typer.Option(
        min=0.0, help="Weight of the dense model as its teacher. [default: 0.1]"
    ),
]
Gguf = Annotated[
    str | None,
    typer.Option(help="Also a file for llama.cpp: F16, Q8_0, Q5_0, Q4_1 or Q4_0."),
]
Seed = Annotated[int, typer.Option(help="Seed of sequences, split and repair.")]
Out = Annotated[Path, typer.Option(help="The model directory.")]

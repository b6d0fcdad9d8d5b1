"""Language models made smaller or faster, and what that costs."""

from graphllm.compress.agreement import Agreement, agreement
from graphllm.compress.allocate import OWL, Allocation, AlphaPruning, Uniform
from graphllm.compress.base import CompressionConfig, LayerReport, Progress, Report
from graphllm.compress.blocks import find_blocks, linears, set_weight, weight_of
from graphllm.compress.calibration import Calibration
from graphllm.compress.compress import compress_
from graphllm.compress.ffn import DropBlocks, DropFFN, FFNSkip, FFNWidth
from graphllm.compress.gguf import check_gguf, export_gguf
from graphllm.compress.lowrank import (
    LowRankLinear,
    UniformSVD,
    WeLore,
    factorize,
    merge,
    uniform_ranks,
    welore_ranks,
)
from graphllm.compress.perplexity import perplexity
from graphllm.compress.prune import (
    Magnitude,
    SparseGPT,
    Wanda,
    magnitude_mask,
    nm_mask,
    sparsegpt_,
    wanda_mask,
)
from graphllm.compress.quant import (
    AWQ,
    GPTQ,
    RTN,
    DynamicInt8,
    DynamicLinear,
    Int4,
    Int8,
    QuantEmbedding,
    Quantized,
    QuantLinear,
    awq,
    gptq,
    rtn,
)
from graphllm.compress.repair import RepairReport, repair_
from graphllm.compress.saving import is_compressed, load, save
from graphllm.compress.sizes import size_of
from graphllm.compress.speed import Speed, compare_speed, speed
from graphllm.compress.stats import InputStats
from graphllm.compress.walk import walk_blocks

__all__ = [
    "AWQ",
    "GPTQ",
    "OWL",
    "RTN",
    "Agreement",
    "Allocation",
    "AlphaPruning",
    "Calibration",
    "CompressionConfig",
    "DropBlocks",
    "DropFFN",
    "DynamicInt8",
    "DynamicLinear",
    "FFNSkip",
    "FFNWidth",
    "InputStats",
    "Int4",
    "Int8",
    "LayerReport",
    "LowRankLinear",
    "Magnitude",
    "Progress",
    "QuantEmbedding",
    "QuantLinear",
    "Quantized",
    "RepairReport",
    "Report",
    "SparseGPT",
    "Speed",
    "Uniform",
    "UniformSVD",
    "Wanda",
    "WeLore",
    "agreement",
    "awq",
    "check_gguf",
    "compare_speed",
    "compress_",
    "export_gguf",
    "factorize",
    "find_blocks",
    "gptq",
    "is_compressed",
    "linears",
    "load",
    "magnitude_mask",
    "merge",
    "nm_mask",
    "perplexity",
    "repair_",
    "rtn",
    "save",
    "set_weight",
    "size_of",
    "sparsegpt_",
    "speed",
    "uniform_ranks",
    "walk_blocks",
    "wanda_mask",
    "weight_of",
    "welore_ranks",
]

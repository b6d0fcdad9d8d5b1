"""Weights of a few bits."""

from graphllm.compress.quant.awq import awq
from graphllm.compress.quant.dynamic import DynamicInt8
from graphllm.compress.quant.dynamic_linear import DynamicLinear
from graphllm.compress.quant.embedding import QuantEmbedding
from graphllm.compress.quant.gptq import gptq
from graphllm.compress.quant.grid import Quantized, rtn
from graphllm.compress.quant.linear import QuantLinear
from graphllm.compress.quant.methods import AWQ, GPTQ, RTN
from graphllm.compress.quant.weight_only import Int4, Int8

__all__ = [
    "AWQ",
    "GPTQ",
    "RTN",
    "DynamicInt8",
    "DynamicLinear",
    "Int4",
    "Int8",
    "QuantEmbedding",
    "QuantLinear",
    "Quantized",
    "awq",
    "gptq",
    "rtn",
]

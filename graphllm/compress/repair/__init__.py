"""Training that wins back what compression lost."""

from graphllm.compress.repair.adapter import LoraLinear, add_adapters, merge_adapters
from graphllm.compress.repair.repair import RepairReport, repair_

__all__ = [
    "LoraLinear",
    "RepairReport",
    "add_adapters",
    "merge_adapters",
    "repair_",
]

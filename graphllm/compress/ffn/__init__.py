"""Feed-forward layers made narrower, removed, or skipped; blocks removed."""

from graphllm.compress.ffn.drop_blocks import DropBlocks
from graphllm.compress.ffn.drop_ffn import DropFFN
from graphllm.compress.ffn.skip import FFNSkip, attach, detach
from graphllm.compress.ffn.skipper import Skipper, SkipPlan
from graphllm.compress.ffn.width import FFNWidth

__all__ = [
    "DropBlocks",
    "DropFFN",
    "FFNSkip",
    "FFNWidth",
    "SkipPlan",
    "Skipper",
    "attach",
    "detach",
]

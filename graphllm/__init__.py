"""Language models in graph learning, on PyTorch Geometric.

``import graphllm`` is light: PyG, transformers and ogb load only when a name that
needs them is first used.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from graphllm.errors import GraphLLMError

if TYPE_CHECKING:
    from graphllm.enhance import Enhancer as Enhancer
    from graphllm.models import ELLaGNN as ELLaGNN
    from graphllm.models import LLaGA as LLaGA
    from graphllm.seed import seed_everything as seed_everything
    from graphllm.sparsify import MoG as MoG

try:
    __version__ = version("graphllm")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

_LAZY = {
    "ELLaGNN": "graphllm.models",
    "Enhancer": "graphllm.enhance",
    "LLaGA": "graphllm.models",
    "MoG": "graphllm.sparsify",
    "seed_everything": "graphllm.seed",
}

__all__ = [
    "ELLaGNN",
    "Enhancer",
    "GraphLLMError",
    "LLaGA",
    "MoG",
    "__version__",
    "seed_everything",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'graphllm' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

"""Writing a pruned weight back and saying what became of it."""

from torch import Tensor

from graphllm.compress.base import LayerReport
from graphllm.compress.blocks import Linear, set_weight, weight_of
from graphllm.compress.stats import InputStats, weight_error


def replace_weight(
    name: str, linear: Linear, weight: Tensor, stats: InputStats | None = None
) -> LayerReport:
    """Write a pruned weight and report its zeros and its error.

    Args:
        name (str): Path of the layer in the model.
        linear (torch.nn.Linear or Conv1D): The layer, still dense.
        weight (Tensor): :math:`(m, n)`, what it becomes.
        stats (InputStats, optional): What enters it; without, the error is that of the
            weights alone.
    """
    dense = weight_of(linear).clone()
    set_weight(linear, weight)
    pruned = weight_of(linear)
    kept = int(pruned.count_nonzero())
    error = stats.error(dense, pruned) if stats else weight_error(dense, pruned)
    return LayerReport(
        name=name,
        parameters=dense.numel(),
        kept_parameters=kept,
        sparsity=1.0 - kept / dense.numel(),
        error=error,
    )

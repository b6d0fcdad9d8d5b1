"""Results of experiments and the numbers in them.

What needs torch is loaded when it is first used: reading and reporting a result does
without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphllm.evaluate.paired import paired_difference
from graphllm.evaluate.result import Result, environment, summary

if TYPE_CHECKING:
    from graphllm.evaluate.calibration import expected_calibration_error
    from graphllm.evaluate.classification import (
        accuracy,
        best_threshold,
        macro_f1,
    )
    from graphllm.evaluate.correction import (
        cost_per_corrected,
        influenced,
        net_correction,
    )
    from graphllm.evaluate.depth import (
        dirichlet_energy,
        gradient_flow,
        layer_gradient_norms,
        mean_average_distance,
    )
    from graphllm.evaluate.ranking import (
        auc,
        average_precision,
        hits_at_k,
        link_metrics,
        mean_reciprocal_rank,
    )
    from graphllm.evaluate.slices import (
        Slices,
        hops_from,
        local_homophily,
        node_slices,
        slice_accuracy,
    )

_LAZY = {
    "Slices": "slices",
    "accuracy": "classification",
    "auc": "ranking",
    "average_precision": "ranking",
    "best_threshold": "classification",
    "cost_per_corrected": "correction",
    "dirichlet_energy": "depth",
    "expected_calibration_error": "calibration",
    "gradient_flow": "depth",
    "hits_at_k": "ranking",
    "hops_from": "slices",
    "influenced": "correction",
    "layer_gradient_norms": "depth",
    "link_metrics": "ranking",
    "local_homophily": "slices",
    "macro_f1": "classification",
    "mean_average_distance": "depth",
    "mean_reciprocal_rank": "ranking",
    "net_correction": "correction",
    "node_slices": "slices",
    "slice_accuracy": "slices",
}

__all__ = [
    "Result",
    "Slices",
    "accuracy",
    "auc",
    "average_precision",
    "best_threshold",
    "cost_per_corrected",
    "dirichlet_energy",
    "environment",
    "expected_calibration_error",
    "gradient_flow",
    "hits_at_k",
    "hops_from",
    "influenced",
    "layer_gradient_norms",
    "link_metrics",
    "local_homophily",
    "macro_f1",
    "mean_average_distance",
    "mean_reciprocal_rank",
    "net_correction",
    "node_slices",
    "paired_difference",
    "slice_accuracy",
    "summary",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"graphllm.evaluate.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'graphllm.evaluate' has no attribute '{name}'")

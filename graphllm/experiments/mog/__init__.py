"""MoG and other sparsifiers, compared at equal numbers of edges."""

from graphllm.experiments.mog.arms import (
    BASELINES,
    CRITERION_NAMES,
    MIX_ARMS,
    Joint,
)
from graphllm.experiments.mog.export import thin_graph
from graphllm.experiments.mog.fit import SparseFit, fit_network, fit_sparsified
from graphllm.experiments.mog.plan import CRITERIA, Plan
from graphllm.experiments.mog.run import run_mog
from graphllm.experiments.mog.trained import WarmNetwork, train_jointly
from graphllm.sparsify.mixing import Mix

__all__ = [
    "BASELINES",
    "CRITERIA",
    "CRITERION_NAMES",
    "MIX_ARMS",
    "Joint",
    "Mix",
    "Plan",
    "SparseFit",
    "WarmNetwork",
    "fit_network",
    "fit_sparsified",
    "run_mog",
    "thin_graph",
    "train_jointly",
]

"""One function a paper: data in, result out."""

from graphllm.experiments.ellagnn import (
    Arm,
    Training,
    build_arms,
    plan_ellagnn,
    run_ellagnn,
)
from graphllm.experiments.fit import Fit, Score, fit
from graphllm.experiments.ledger import Ledger

__all__ = [
    "Arm",
    "Fit",
    "Ledger",
    "Score",
    "Training",
    "build_arms",
    "fit",
    "plan_ellagnn",
    "run_ellagnn",
]

"""One function a paper: data in, result out."""

from graphllm.experiments.ellagnn import (
    Arm,
    Training,
    build_arms,
    plan_ellagnn,
    run_ellagnn,
    train_arm,
)
from graphllm.experiments.fit import Fit, Objective, Score, fit
from graphllm.experiments.ledger import Ledger

__all__ = [
    "Arm",
    "Fit",
    "Ledger",
    "Objective",
    "Score",
    "Training",
    "build_arms",
    "fit",
    "plan_ellagnn",
    "run_ellagnn",
    "train_arm",
]

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
from graphllm.experiments.fit_batches import fit_batches
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.objectives import (
    consistency,
    fading,
    soft_targets,
    supervised_plain,
)
from graphllm.experiments.on_demand import on_demand

__all__ = [
    "Arm",
    "Fit",
    "Ledger",
    "Objective",
    "Score",
    "Training",
    "build_arms",
    "consistency",
    "fading",
    "fit",
    "fit_batches",
    "on_demand",
    "plan_ellagnn",
    "run_ellagnn",
    "soft_targets",
    "supervised_plain",
    "train_arm",
]

"""How a projector is optimised."""

import math
from dataclasses import dataclass

from graphllm.errors import GraphLLMError


@dataclass(frozen=True)
class LLaGATraining:
    """Optimisation of the projector.

    The paper's scripts use AdamW at 2e-3 without decay, batches of 16, one epoch
    over hundreds of thousands of samples; a graph of a few thousand nodes needs more
    epochs and something against overfitting.

    Args:
        lr (float): Highest learning rate.
        weight_decay (float): Of the projector's matrices.
        epochs (int): Epochs at most.
        patience (int): Epochs without a better validation measure.
        batch_size (int): Questions a step.
        warmup (float): Share of the steps in which the rate rises; then it falls
            along a cosine to zero.
        clip (float): Largest norm of the gradient.
        label_smoothing (float): Zero trains the likelihood of the answer's words;
            above zero trains the softmax over the likelihoods of all candidates, so
            much of the target spread evenly over them.
        dropout (float): Dropout of the projector.
        num_layers (int): Layers of the projector.
        hidden_channels (int, optional): Width between them.
        standardize (bool): Whether inputs get the mean zero and the variance one of
            training questions, feature by feature.

    Raises:
        GraphLLMError: If a number is out of range.
    """

    lr: float = 2e-3
    weight_decay: float = 0.01
    epochs: int = 6
    patience: int = 4
    batch_size: int = 16
    warmup: float = 0.03
    clip: float = 1.0
    label_smoothing: float = 0.0
    dropout: float = 0.3
    num_layers: int = 2
    hidden_channels: int | None = None
    standardize: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("epochs", "patience", "batch_size"):
            if getattr(self, name) < 1:
                raise GraphLLMError(
                    f"'{name}' must be at least 1 (got {getattr(self, name)})"
                )
        for name in ("warmup", "label_smoothing", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise GraphLLMError(
                    f"'{name}' must be a share from 0 to below 1 "
                    f"(got {getattr(self, name)})"
                )
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise GraphLLMError(
                    f"'{name}' must be above 0 (got {getattr(self, name)})"
                )

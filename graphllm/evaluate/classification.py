"""How many predictions are right, overall and class by class."""

import torch
from torch import Tensor

from graphllm.evaluate.ranking import check_pairs


def accuracy(prediction: Tensor, target: Tensor) -> float:
    """Share of right predictions.

    Args:
        prediction (Tensor): Predicted classes, :math:`(M)`; below zero for none, such
            as an answer that could not be read, which is wrong.
        target (Tensor): Classes, :math:`(M)`.

    Returns:
        float: In [0, 1].

    Raises:
        ValueError: If there are no predictions, shapes do not fit, or a class is not
            known.
    """
    _check(prediction, target)
    return float((prediction == target).double().mean())


def macro_f1(prediction: Tensor, target: Tensor) -> float:
    r"""Mean of the F1 score of every class.

    .. math::
        \frac{1}{|C|} \sum_{c \in C}
            \frac{2 \, \mathrm{TP}_c}{|\hat{c}| + |c|}

    where :math:`C` are the classes that occur among the predictions or the targets:
    one that is only predicted counts with zero, one that is in neither is left out.
    The default of scikit-learn's ``f1_score(average="macro")``. A prediction below
    zero names no class: it adds none to :math:`C`, and is missed by its own.

    Args:
        prediction (Tensor): Predicted classes, :math:`(M)`; below zero for none.
        target (Tensor): Classes, :math:`(M)`.

    Returns:
        float: In [0, 1].

    Raises:
        ValueError: As :func:`accuracy`.
    """
    _check(prediction, target)
    named = prediction[prediction >= 0]
    size = 1 + int(torch.cat([named, target]).max())
    predicted = torch.bincount(named, minlength=size)
    present = torch.bincount(target, minlength=size)
    right = torch.bincount(target[prediction == target], minlength=size)
    total = predicted + present
    return float((2.0 * right.double() / total)[total > 0].mean())


def best_threshold(score: Tensor, label: Tensor) -> float:
    """The score from which on pairs are best called links.

    Args:
        score (Tensor): Higher is more likely a link, :math:`(M)`.
        label (Tensor): One for a link, zero for none, :math:`(M)`.

    Returns:
        float: Most accurate on these pairs with ``score >= threshold``: halfway
        between two neighbouring scores, minus infinity to call every pair a link,
        infinity to call none one. Of equals, the lowest.

    Raises:
        ValueError: If shapes or labels do not fit, one of the two kinds is missing, or
            a score is NaN.
    """
    check_pairs(score, label)
    values, place = score.double().unique(return_inverse=True)
    sign = torch.where(label == 1, -1.0, 1.0).to(values)
    # Raising the bar above a score loses its links and gains its non-links.
    gain = values.new_zeros(values.numel() + 1)
    gain.index_add_(0, place + 1, sign)
    best = int(gain.cumsum(0).argmax())
    if best in (0, values.numel()):
        return float("-inf") if best == 0 else float("inf")
    low, high = values[best - 1], values[best]
    middle = low + (high - low) / 2
    # Neighbouring floats, or an infinite score, have nothing between them.
    return float(middle if low < middle <= high else high)


def _check(prediction: Tensor, target: Tensor) -> None:
    if prediction.dim() != 1 or prediction.shape != target.shape:
        raise ValueError(
            "'prediction' and 'target' must be one row of classes each (got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)})"
        )
    if not target.numel():
        raise ValueError("there are no predictions to count")
    if int(target.min()) < 0:
        raise ValueError("'target' holds a class below 0; leave unlabelled nodes out")

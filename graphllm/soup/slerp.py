"""Interpolation on the sphere."""

import math

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.soup.average import weighted, weighted_sum
from graphllm.soup.state import StateDict, alike, combine

# Above, the angle is too small to divide by its sine.
_PARALLEL = 0.9995


def slerp(a: StateDict, b: StateDict, t: float) -> dict[str, Tensor]:
    r"""Goes from one network to another along an arc, tensor by tensor.

    From `"Animating Rotation with Quaternion Curves"
    <https://doi.org/10.1145/325334.325242>`_ (1985). With :math:`\Omega` the angle
    between two tensors as vectors,

    .. math::
        \boldsymbol{\theta} = \frac{\sin((1 - t) \Omega)}{\sin \Omega}
        \boldsymbol{\theta}_a + \frac{\sin(t \Omega)}{\sin \Omega}
        \boldsymbol{\theta}_b

    which keeps the length of vectors of equal length, where the straight line cuts
    the corner. Tensors that are almost parallel or opposite
    (:math:`|\cos \Omega| > 0.9995`), or zero, are interpolated linearly. At ``t`` of
    zero and one the networks are returned bit by bit; buffers as in
    :func:`graphllm.soup.average`.

    Args:
        a (StateDict): Where to start.
        b (StateDict): Where to end.
        t (float): How far to go, in [0, 1].

    Returns:
        dict[str, Tensor]: New tensors.

    Raises:
        GraphLLMError: If the networks differ in a name or shape, or ``t`` is out of
            range.
    """
    if not 0.0 <= t <= 1.0:
        raise GraphLLMError(f"'t' must be in [0, 1] (got {t})")
    states = alike([a, b])
    if t in (0.0, 1.0):
        return weighted(states, [1.0 - t, t])
    return combine(states, lambda _, tensors: weighted_sum(tensors, _arc(tensors, t)))


def _arc(tensors: list[Tensor], t: float) -> tuple[float, float]:
    first, second = (tensor.flatten() for tensor in tensors)
    length = float(torch.linalg.vector_norm(first) * torch.linalg.vector_norm(second))
    cosine = float((first @ second).real) / length if length > 0.0 else 1.0
    # Written so that NaN, the cosine of infinite entries, goes the straight way too.
    if not abs(cosine) <= _PARALLEL:
        return 1.0 - t, t
    angle = math.acos(cosine)
    sine = math.sin(angle)
    return math.sin((1.0 - t) * angle) / sine, math.sin(t * angle) / sine

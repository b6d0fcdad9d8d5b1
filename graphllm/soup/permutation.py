"""Hidden units of one network in the order of another's."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.soup.state import StateDict, alike

# Name of a hidden layer to the (tensor, axis) pairs that number its units.
PermutationSpec = Mapping[str, Sequence[tuple[str, int]]]
_Array = NDArray[np.float64]
_Orders = dict[str, NDArray[np.int64]]

_SWEEPS = 100
_RISE = 1e-9  # relative; below it is rounding


def align_permutation(
    a: StateDict, b: StateDict, spec: PermutationSpec
) -> dict[str, Tensor]:
    r"""Renumbers hidden units of one network to match another, weight by weight.

    From `"Git Re-Basin: Merging Models modulo Permutation Symmetries"
    <https://arxiv.org/abs/2209.04836>`_ (2022), section 3.2 (weight matching): the
    permutations :math:`\pi` of the hidden layers under which :math:`b` computes the
    same and is nearest to :math:`a`,

    .. math::
        \max_{\pi} \; \langle \boldsymbol{\theta}_a, \pi(\boldsymbol{\theta}_b) \rangle

    by coordinate descent, one linear assignment a layer, until nothing rises. Without
    it, networks from different initialisations cannot be averaged; with it, they are
    closer, but seldom as good as those from a shared one.

    .. note::
        The authors start from the units as they are and visit layers in random order.
        Here the start is one sweep in the order of ``spec`` that looks only at tensors
        whose other axes are already matched, unless the units as they are match
        better, and the order is that of ``spec``. A permuted copy of a network without
        skip connections is thus found exactly.

    Args:
        a (StateDict): The network to match.
        b (StateDict): The network to renumber.
        spec (Mapping[str, Sequence[tuple[str, int]]]): For each hidden layer, from
            input to output, every tensor and axis that runs over its units: of a
            two-layer network ``{"hidden": [("0.weight", 0), ("0.bias", 0),
            ("2.weight", 1)]}``. BatchNorm parameters and statistics belong to their
            layer; layers joined by a skip connection share one entry.

    Returns:
        dict[str, Tensor]: ``b`` renumbered, in new tensors with the names of ``a``.

    Raises:
        GraphLLMError: If the networks differ in a name or shape, or ``spec`` names a
            tensor or axis that does not exist, one twice, or axes of different length.
    """
    first, second = alike([a, b])
    sizes = _check(first, spec)
    problem = _Problem(first, second, spec)
    as_is = {layer: np.arange(size) for layer, size in sizes.items()}
    swept = problem.forward_sweep(as_is)
    orders = max((as_is, swept), key=problem.similarity)
    best = problem.similarity(orders)
    for _ in range(_SWEEPS):
        before = best
        for layer in spec:
            trial = {**orders, layer: problem.matched(layer, orders)}
            similarity = problem.similarity(trial)
            if similarity > best + _RISE * abs(best):
                orders, best = trial, similarity
        if best == before:
            break
    return {name: problem.renumbered(name, second[name], orders) for name in second}


class _Problem:
    """Two networks and where their hidden units are numbered."""

    def __init__(self, a: StateDict, b: StateDict, spec: PermutationSpec) -> None:
        self.spec = spec
        self.layer_of: dict[str, dict[int, str]] = {name: {} for name in a}
        for layer, axes in spec.items():
            for name, axis in axes:
                self.layer_of[name][axis % a[name].dim()] = layer
        numbered = [name for name, axes in self.layer_of.items() if axes]
        self.a = {name: _array(a[name]) for name in numbered}
        self.b = {name: _array(b[name]) for name in numbered}

    def similarity(self, orders: _Orders) -> float:
        """Inner product of all that is numbered."""
        return sum(
            float(np.vdot(array, self._ordered(name, orders)))
            for name, array in self.a.items()
        )

    def forward_sweep(self, as_is: _Orders) -> _Orders:
        """Each layer matched by what only depends on layers before it."""
        orders: _Orders = {}
        for layer in self.spec:
            known = {name for name, _ in self.spec[layer] if self._known(name, orders)}
            orders[layer] = self.matched(layer, {**as_is, **orders}, known or None)
        return orders

    def matched(
        self, layer: str, orders: _Orders, only: set[str] | None = None
    ) -> NDArray[np.int64]:
        """The best order of one layer's units while the others stay."""
        size = len(orders[layer])
        gain = np.zeros((size, size))
        for name, axis in self.spec[layer]:
            if only is None or name in only:
                other = self._ordered(name, orders, but=axis % self.a[name].ndim)
                rows = np.moveaxis(self.a[name], axis, 0).reshape(size, -1)
                gain += rows @ np.moveaxis(other, axis, 0).reshape(size, -1).T
        order: NDArray[np.int64] = linear_sum_assignment(gain, maximize=True)[1]
        return order

    def renumbered(self, name: str, tensor: Tensor, orders: _Orders) -> Tensor:
        """A tensor of the second network, in the order of the first."""
        tensor = tensor.detach().clone()
        for axis, layer in self.layer_of[name].items():
            index = torch.from_numpy(orders[layer]).to(tensor.device)
            tensor = tensor.index_select(axis, index)
        return tensor

    def _known(self, name: str, orders: _Orders) -> bool:
        return len(set(self.layer_of[name].values()) - orders.keys()) <= 1

    def _ordered(self, name: str, orders: _Orders, but: int | None = None) -> _Array:
        array = self.b[name]
        for axis, layer in self.layer_of[name].items():
            if axis != but:
                array = np.take(array, orders[layer], axis=axis)
        return array


def _array(tensor: Tensor) -> _Array:
    array: _Array = tensor.detach().double().cpu().numpy()
    return array


def _check(state: StateDict, spec: PermutationSpec) -> dict[str, int]:
    """Number of units of every layer of a spec that fits."""
    sizes: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    for layer, axes in spec.items():
        for name, axis in axes:
            if name not in state:
                raise GraphLLMError(
                    f"'spec' of '{layer}' names the tensor '{name}', which the "
                    f"networks lack; they have {', '.join(list(state)[:5])}, ..."
                )
            shape = tuple(state[name].shape)
            if not -len(shape) <= axis < len(shape):
                raise GraphLLMError(
                    f"'spec' of '{layer}' names axis {axis} of '{name}', which has "
                    f"shape {shape}"
                )
            size = sizes.setdefault(layer, shape[axis])
            if shape[axis] != size:
                raise GraphLLMError(
                    f"'spec' of '{layer}' joins axes of different length: axis {axis} "
                    f"of '{name}' has {shape[axis]} entries, others {size}"
                )
            place = name, axis % len(shape)
            if place in seen:
                raise GraphLLMError(
                    f"'spec' names axis {axis} of '{name}' twice; each axis belongs to "
                    "one layer"
                )
            seen.add(place)
        if not axes:
            raise GraphLLMError(f"'spec' of '{layer}' is empty; leave it out")
    return sizes

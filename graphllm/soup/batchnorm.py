"""BatchNorm statistics of a merged network, measured anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from graphllm.errors import GraphLLMError

Model = TypeVar("Model", bound=nn.Module)


def recalibrate_batchnorm(model: Model, forward: Callable[[Model], object]) -> Model:
    r"""Measures the running statistics of every BatchNorm layer again.

    Averaged statistics are not those of the averaged network, whose hidden features
    vary less; and those of a network trained on subgraphs are not those of the whole
    graph (`"REPAIR: REnormalizing Permuted Activations for Interpolation Repair"
    <https://arxiv.org/abs/2211.08403>`_, 2022). With :math:`\mathbf{h}_b` the inputs
    of a layer in pass :math:`b` of :math:`B`,

    .. math::
        \boldsymbol{\mu} = \frac{1}{B} \sum_{b=1}^B \mathrm{mean}(\mathbf{h}_b),
        \qquad \boldsymbol{\sigma}^2 = \frac{1}{B} \sum_{b=1}^B
        \mathrm{var}(\mathbf{h}_b)

    with the unbiased variance. One pass over the full graph gives its exact
    statistics. Dropout is off, no gradient is taken, and parameters, modes and
    momenta are afterwards what they were. A layer that no pass goes through keeps its
    statistics; a network without BatchNorm is not run.

    Args:
        model (torch.nn.Module): The network, changed in place.
        forward (Callable): Runs it over the data, in one pass or several; what it
            returns is not used.

    Returns:
        torch.nn.Module: The same network.

    Raises:
        GraphLLMError: If there is BatchNorm and no pass went through any.
    """
    layers = {layer: layer.momentum for layer in _layers(model)}
    if not layers:
        return model
    before = {
        layer: {name: each.clone() for name, each in layer.named_buffers()}
        for layer in layers
    }
    reached: set[nn.Module] = set()
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over passes
        with torch.no_grad(), evaluating(model, batch_statistics=True):
            forward(model)
        reached = {layer for layer in layers if layer.num_batches_tracked != 0}
    finally:
        for layer, momentum in layers.items():
            layer.momentum = momentum
            # What was reset and not measured would be made up.
            if layer not in reached:
                layer.load_state_dict(before[layer], strict=False)
    if not reached:
        raise GraphLLMError("'forward' ran no BatchNorm layer; call the model in it")
    return model


@contextmanager
def evaluating(model: nn.Module, batch_statistics: bool = False) -> Iterator[None]:
    """Dropout off for a while, then every module in its mode again.

    Args:
        model (torch.nn.Module): The network.
        batch_statistics (bool, optional): Whether BatchNorm normalises by the batch,
            as in training, instead of by its running statistics.
            (default: :obj:`False`)
    """
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        if batch_statistics:
            for layer in _layers(model):
                layer.train()
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _layers(model: nn.Module) -> list[_BatchNorm]:
    modules = model.modules()
    return [
        each
        for each in modules
        if isinstance(each, _BatchNorm) and each.track_running_stats
    ]

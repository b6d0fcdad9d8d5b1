"""Merges of what several fine-tunings changed in one base network."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.soup.state import StateDict, alike, combine, is_mixed, tied, widened


def task_arithmetic(
    base: StateDict, state_dicts: Sequence[StateDict], scale: float = 0.4
) -> dict[str, Tensor]:
    r"""Adds up what each network learned on top of the base.

    From `"Editing Models with Task Arithmetic" <https://arxiv.org/abs/2212.04089>`_
    (2022). With task vectors
    :math:`\boldsymbol{\delta}_k = \boldsymbol{\theta}_k - \boldsymbol{\theta}_0`,

    .. math::
        \boldsymbol{\theta} = \boldsymbol{\theta}_0
        + \lambda \sum_{k=1}^K \boldsymbol{\delta}_k

    A :math:`\lambda` of :math:`1 / K` gives the uniform soup, a negative one unlearns.
    Buffers and tied parameters are treated as in :func:`graphllm.soup.average`; the
    running variance of BatchNorm may become negative here and in :func:`dare`, so
    follow with :func:`graphllm.soup.recalibrate_batchnorm`.

    Args:
        base (StateDict): The network that all were trained from.
        state_dicts (Sequence[StateDict]): The trained networks.
        scale (float, optional): :math:`\lambda`. (default: :obj:`0.4`)

    Returns:
        dict[str, Tensor]: New tensors.

    Raises:
        GraphLLMError: If there is no network, or they differ in a name or shape.
    """

    def mix(_: str, tensors: list[Tensor]) -> Tensor:
        return tensors[0] + scale * _deltas(tensors).sum(dim=0)

    return combine(alike(state_dicts, base), mix)


def ties(
    base: StateDict,
    state_dicts: Sequence[StateDict],
    density: float = 0.2,
    scale: float = 1.0,
) -> dict[str, Tensor]:
    r"""Merges task vectors without letting small or contrary changes interfere.

    From `"TIES-Merging: Resolving Interference When Merging Models"
    <https://arxiv.org/abs/2306.01708>`_ (2023). Each task vector is trimmed to its
    share ``density`` of largest entries, over the whole network; each entry elects the
    sign of the larger total; those of that sign are averaged:

    .. math::
        \gamma = \mathrm{sgn} \sum_{k=1}^K \hat{\delta}_k, \qquad
        \theta = \theta_0 + \lambda \, \mathrm{mean} \{ \hat{\delta}_k :
        \mathrm{sgn}(\hat{\delta}_k) = \gamma \neq 0 \}

    .. note::
        The authors' code gives entries whose total is exactly zero the sign that most
        entries have; here they stay as in the base, which is the paper's formula.

    Args:
        base (StateDict): The network that all were trained from.
        state_dicts (Sequence[StateDict]): The trained networks.
        density (float, optional): Share of entries kept, in (0, 1]; entries as large
            as the last one kept are kept too. (default: :obj:`0.2`)
        scale (float, optional): :math:`\lambda`. (default: :obj:`1.0`)

    Returns:
        dict[str, Tensor]: New tensors.

    Raises:
        GraphLLMError: If there is no network, they differ in a name or shape, or
            ``density`` is out of range.
    """
    if not 0.0 < density <= 1.0:
        raise GraphLLMError(f"'density' must be in (0, 1] (got {density})")
    states = alike(state_dicts, base)
    limits = [_smallest_kept(states[0], state, density) for state in states[1:]]

    def mix(_: str, tensors: list[Tensor]) -> Tensor:
        deltas = _deltas(tensors)
        for delta, limit in zip(deltas, limits, strict=True):
            delta.masked_fill_(delta.abs() < limit, 0.0)
        elected = deltas.sum(dim=0).sgn()
        agree = deltas.sgn() == elected
        voters = agree.sum(dim=0).clamp_min(1)
        return tensors[0] + scale * (deltas * agree).sum(dim=0) / voters

    return combine(states, mix)


def dare(
    base: StateDict,
    state_dicts: Sequence[StateDict],
    drop: float = 0.9,
    *,
    generator: torch.Generator,
    scale: float = 1.0,
) -> dict[str, Tensor]:
    r"""Merges task vectors that were thinned at random and scaled up.

    From `"Language Models are Super Mario: Absorbing Abilities from Homologous Models
    as a Free Lunch" <https://arxiv.org/abs/2311.03099>`_ (2024). With
    :math:`m_k \sim \mathrm{Bernoulli}(1 - p)` drawn for every entry,

    .. math::
        \theta = \theta_0 + \frac{\lambda}{K} \sum_{k=1}^K \frac{m_k \delta_k}{1 - p}

    .. note::
        The authors add the thinned vectors up. Here they are averaged, so that at
        :math:`\lambda = 1` the merge is the uniform soup in expectation, whatever
        :math:`K`; :math:`\lambda = K` gives the sum.

    Args:
        base (StateDict): The network that all were trained from.
        state_dicts (Sequence[StateDict]): The trained networks.
        drop (float, optional): Share of entries dropped, :math:`p`, in [0, 1).
            (default: :obj:`0.9`)
        generator (torch.Generator): Source of the draws, tensor by tensor in the
            order of the base.
        scale (float, optional): :math:`\lambda`. (default: :obj:`1.0`)

    Returns:
        dict[str, Tensor]: New tensors.

    Raises:
        GraphLLMError: If there is no network, they differ in a name or shape, or
            ``drop`` is out of range.
    """
    if not 0.0 <= drop < 1.0:
        raise GraphLLMError(f"'drop' must be in [0, 1) (got {drop})")

    def mix(_: str, tensors: list[Tensor]) -> Tensor:
        deltas = _deltas(tensors)
        draws = torch.rand(deltas.shape, generator=generator, device=generator.device)
        deltas.masked_fill_((draws < drop).to(deltas.device), 0.0)
        return tensors[0] + scale / (1.0 - drop) * deltas.mean(dim=0)

    return combine(alike(state_dicts, base), mix)


def _deltas(tensors: Sequence[Tensor]) -> Tensor:
    """Differences from the first tensor, stacked; of equal infinities it is zero."""
    base, *rest = tensors
    stacked = torch.stack(rest)
    return (stacked - base).masked_fill_(stacked == base, 0.0)


def _smallest_kept(base: StateDict, state: StateDict, density: float) -> float:
    """Size of the smallest entry of a task vector that trimming keeps."""
    sizes = [
        _deltas([widened(base[name], base[name]), widened(state[name], base[name])])
        .abs()
        .flatten()
        .cpu()
        for name, *_ in tied([base, state])
        if is_mixed(base[name])
    ]
    if not sizes:
        return 0.0
    entries = torch.cat(sizes)
    kept = max(1, round(density * entries.numel()))
    return float(entries.kthvalue(entries.numel() - kept + 1).values)

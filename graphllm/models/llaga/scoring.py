"""All candidates of a question in one pass: a tree in place of a sequence."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Candidates(NamedTuple):
    """Candidate answers one after the other, each blind to the others.

    Args:
        ids (Tensor): :math:`(A)` tokens that are read: each candidate without its
            last one.
        position (Tensor): :math:`(A)` position, counted from the question's end.
        owner (Tensor): :math:`(A)` which candidate.
        source (Tensor): :math:`(S)` for each scored token, where the logits that
            predict it stand: ``-1`` for the end of the question, else in ``ids``.
        target (Tensor): :math:`(S)` the scored tokens.
        target_owner (Tensor): :math:`(S)` which candidate.
    """

    ids: Tensor
    position: Tensor
    owner: Tensor
    source: Tensor
    target: Tensor
    target_owner: Tensor


def pack_candidates(
    candidates: Sequence[Sequence[int]], device: torch.device | str = "cpu"
) -> Candidates:
    """Lay out the tokens of candidates for one pass.

    Args:
        candidates (Sequence[Sequence[int]]): Tokens of each, at least one each.
        device (torch.device or str, optional): Where to. (default: the CPU)

    Returns:
        Candidates: The tokens.
    """
    ids: list[int] = []
    position: list[int] = []
    owner: list[int] = []
    source: list[int] = []
    target: list[int] = []
    target_owner: list[int] = []
    for index, candidate in enumerate(candidates):
        source += [-1, *range(len(ids), len(ids) + len(candidate) - 1)]
        target += candidate
        target_owner += [index] * len(candidate)
        ids += candidate[:-1]
        position += range(len(candidate) - 1)
        owner += [index] * (len(candidate) - 1)
    parts = (ids, position, owner, source, target, target_owner)
    return Candidates(
        *(torch.tensor(part, dtype=torch.long, device=device) for part in parts)
    )


def tree_mask(
    real: Tensor, past_length: int, owner: Tensor, dtype: torch.dtype
) -> Tensor:
    r"""Who sees whom: the past, then the question, then the candidates.

    A position of the question sees the past and what comes before it. A token of a
    candidate sees the past, the question, and the earlier tokens of its own
    candidate.

    Args:
        real (Tensor): :math:`(B, L)` false for the padding of the question.
        past_length (int): Positions :math:`P` before the question, all real.
        owner (Tensor): :math:`(A)` candidate of each token.
        dtype (torch.dtype): Floating type of the language model.

    Returns:
        Tensor: :math:`(B, 1, L + A, P + L + A)`, zero where a row sees a column and
        the smallest number where not, to be added to attention scores.
    """
    batch, length = real.shape
    total = length + owner.numel()
    sees = torch.ones(total, total, dtype=torch.bool, device=real.device).tril()
    sees[length:, length:] &= owner.view(-1, 1) == owner
    sees = sees.expand(batch, -1, -1).clone()
    sees[:, :, :length] &= real.unsqueeze(1)
    past = sees.new_ones(batch, total, past_length)
    sees = torch.cat([past, sees], dim=2).unsqueeze(1)
    floor = torch.finfo(dtype).min
    return torch.zeros_like(sees, dtype=dtype).masked_fill_(~sees, floor)


def sum_by_candidate(
    logits: Tensor, candidates: Candidates, num_candidates: int
) -> Tensor:
    """Log-probability of each candidate, :math:`(B, C)`, in float32.

    Args:
        logits (Tensor): :math:`(B, 1 + A, V)`: of the question's last position, then
            of each token that was read.
        candidates (Candidates): What was read.
        num_candidates (int): :math:`C`.
    """
    rows = candidates.source + 1
    chosen = []
    # Question by question: all logits in float32 can be larger than the model.
    for each in logits:
        exact = each.float()
        norm = exact.logsumexp(-1)
        chosen.append(exact[rows, candidates.target] - norm[rows])
    parts = torch.stack(chosen)
    scores = parts.new_zeros(logits.size(0), num_candidates)
    return scores.index_add(1, candidates.target_owner, parts)


def balance(scores: Tensor) -> Tensor:
    r"""Take out of the scores how much a model likes each answer whatever is asked.

    .. math::
        s'_{ic} = s_{ic} - \log \frac{1}{n} \sum_{j=1}^{n}
            \frac{e^{s_{jc}}}{\sum_{c'} e^{s_{jc'}}}

    Batch calibration (Zhou et al., 2024): the predicted distributions are divided by
    their mean over the questions, after which every answer has the same mass in all
    (rows no longer add up to one). No label is read. It assumes classes of about the
    same size among the questions, and hurts where they are not.

    Args:
        scores (Tensor): :math:`(n, C)` log-probabilities.

    Returns:
        Tensor: :math:`(n, C)`.
    """
    mass = scores.log_softmax(-1).logsumexp(0) - math.log(scores.size(0))
    return scores - mass

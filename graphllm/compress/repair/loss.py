"""What a repair minimises: the next token, and the dense model's opinion of it."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax


def repair_loss(
    student: Any, ids: Tensor, teacher: Any = None, kl_weight: float = 0.1
) -> Tensor:
    r"""Language modelling loss, with distillation where there is a teacher.

    .. math::
        \mathcal{L} = \mathcal{L}_{\text{LM}} + \lambda \,
        \mathrm{KL}(p_{\text{teacher}} \,\|\, p_{\text{student}})

    with both means over tokens, as in the RESSA loss of `"Rethinking Pruning for
    Vision-Language Models" <https://arxiv.org/abs/2404.02424>`_.

    Args:
        student (PreTrainedModel): The model that is trained.
        ids (Tensor): Token ids.
        teacher (PreTrainedModel, optional): The dense model.
        kl_weight (float, optional): :math:`\lambda`. (default: :obj:`0.1`)

    Shapes:
        - **ids:** :math:`(B, T)`
        - **output:** a scalar
    """
    logits = student(input_ids=ids, use_cache=False).logits.float()
    loss = cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    if teacher is None:
        return loss
    with torch.no_grad():
        given = teacher(input_ids=ids.to(teacher.device), use_cache=False).logits
    expected = log_softmax(given.float().to(logits.device), -1).flatten(0, 1)
    found = log_softmax(logits, -1).flatten(0, 1)
    return loss + kl_weight * kl_div(
        found, expected, reduction="batchmean", log_target=True
    )

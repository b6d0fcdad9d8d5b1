"""What a network may learn from a language model besides its features.

Every function returns an :data:`~graphllm.experiments.Objective`, the loss of one
step, to be given to :func:`~graphllm.experiments.fit`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.enhance import restrict
from graphllm.experiments.fit import Objective, run_model, supervised
from graphllm.models import ELLaGNN


def supervised_plain(model: ELLaGNN, data: Data, epoch: int) -> Tensor:
    """Cross-entropy on the training nodes, plain features."""
    return _supervised(run_model(model, data, use_llm=False), data)


def consistency(weight: float = 1.0) -> Objective:
    r"""Both views learn the labels, and the plain one learns from the enhanced one.

    .. math::
        \mathcal{L} = \mathrm{CE}(\mathbf{Z}^{+}) + \mathrm{CE}(\mathbf{Z}) + \lambda
            \frac{1}{|V|} \sum_i \mathrm{KL}\left(
                \mathrm{sg}[\mathbf{p}^{+}_i] \,\|\, \mathbf{p}_i \right)

    with :math:`\mathbf{Z}^{+}` the scores with enhanced features, :math:`\mathbf{Z}`
    those without, and no gradient through :math:`\mathrm{sg}`.

    Args:
        weight (float, optional): :math:`\lambda`. (default: :obj:`1.0`)
    """

    def loss(model: ELLaGNN, data: Data, epoch: int) -> Tensor:
        enhanced = run_model(model, data, use_llm=True)
        plain = run_model(model, data, use_llm=False)
        target = enhanced.detach().log_softmax(dim=-1)
        gap = F.kl_div(
            plain.log_softmax(dim=-1), target, reduction="batchmean", log_target=True
        )
        return _supervised(enhanced, data) + _supervised(plain, data) + weight * gap

    return loss


def soft_targets(
    target: Tensor,
    weight: float = 1.0,
    index: Tensor | None = None,
    trust: Tensor | None = None,
    use_llm: bool = False,
) -> Objective:
    r"""Labels on the training nodes, class probabilities on others.

    .. math::
        \mathcal{L} = \mathrm{CE} - \lambda \sum_{i \in A} \frac{w_i}{\sum_j w_j}
            \sum_c \mathbf{t}_{ic} \log \mathbf{p}_{ic}

    With the predictions of a network that read enhanced features as
    :math:`\mathbf{t}` over all nodes this is distillation; with the votes of a
    language model on the nodes it was asked about, annotation.

    Args:
        target (Tensor): :math:`\mathbf{t}`, one row a node of :math:`A`.
        weight (float, optional): :math:`\lambda`. (default: :obj:`1.0`)
        index (Tensor, optional): The nodes :math:`A`. (default: all nodes)
        trust (Tensor, optional): :math:`w`, one number a row. (default: equal)
        use_llm (bool, optional): Whether the learner reads enhanced features.
            (default: :obj:`False`)

    Raises:
        ValueError: If the numbers of rows differ.
    """
    rows = target.size(0)
    for name, value in (("index", index), ("trust", trust)):
        if value is not None and value.numel() != rows:
            raise ValueError(
                f"'{name}' must have one entry a row of 'target', {rows} "
                f"(got {value.numel()})"
            )
    share = torch.full_like(target[:, 0], 1 / rows) if trust is None else trust
    share = share / share.sum()

    def loss(model: ELLaGNN, data: Data, epoch: int) -> Tensor:
        out = run_model(model, data, use_llm=use_llm)
        heard = out if index is None else out[index]
        each = -(target * heard.log_softmax(dim=-1)).sum(dim=-1)
        return _supervised(out, data) + weight * (share * each).sum()

    return loss


def fading(
    enhanced: Data,
    shares: Sequence[float] = (1.0, 0.75, 0.5, 0.25, 0.0),
    epochs: int = 100,
    seed: int = 0,
) -> Objective:
    r"""A curriculum over budgets: less and less help from the language model.

    Training runs through the shares in equal spans; in each, that share of the
    enhanced nodes keeps its enhanced features, and the sets are nested. After the
    last span the last share stays.

    Args:
        enhanced (Data): What :meth:`graphllm.enhance.Enhancer.run` returned.
        shares (Sequence[float], optional): In [0, 1].
            (default: :obj:`(1.0, 0.75, 0.5, 0.25, 0.0)`)
        epochs (int, optional): Epochs of the whole curriculum.
            (default: :obj:`100`)
        seed (int, optional): In which order nodes lose their help.
            (default: :obj:`0`)

    Raises:
        ValueError: If there are no shares or one is outside [0, 1].
    """
    if not shares or any(not 0.0 <= share <= 1.0 for share in shares):
        raise ValueError(f"'shares' must be numbers in [0, 1] (got {tuple(shares)})")
    nodes = enhanced.llm_index.cpu()
    order = torch.randperm(nodes.numel(), generator=torch.Generator().manual_seed(seed))
    stages = [
        restrict(enhanced, nodes[order[: round(share * nodes.numel())]])
        for share in shares
    ]

    def loss(model: ELLaGNN, data: Data, epoch: int) -> Tensor:
        stage = min((epoch - 1) * len(stages) // epochs, len(stages) - 1)
        return supervised(model, stages[stage], epoch)

    return loss


def _supervised(out: Tensor, data: Data) -> Tensor:
    return F.cross_entropy(out[data.train_mask], data.y[data.train_mask])

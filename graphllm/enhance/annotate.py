"""Answers that rank classes, read as labels of nodes that nobody labelled."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import PromptError, UnknownNameError
from graphllm.prompts.enrich import readable

Evidence = Literal["confidence", "density", "entropy"]
RANKING = ("rank_labels", "rank_with_confidence")
SMOOTHING = 0.5
DIAGONAL = 2.0


def label_votes(enhanced: Data) -> tuple[Tensor, Tensor]:
    r"""What the language model said about the class of each node it was asked about.

    Reads the answers of label-ranking prompts (``rank_labels``,
    ``rank_with_confidence``): the weights of a ranked answer add up to one, so a
    node's vote :math:`\mathbf{q}_i \in \Delta^C` is the mean over its answers. Other
    answers have no vote.

    The annotation mode of LLM-GNN (`"Label-free Node Classification on Graphs with
    Large Language Models" <https://arxiv.org/abs/2310.04668>`_, Section 3).

    Args:
        enhanced (Data): What :meth:`graphllm.enhance.Enhancer.run` returned.

    Returns:
        tuple[Tensor, Tensor]: Nodes with a vote, ascending, :math:`(a)`; and their
        votes, :math:`(a, C)`, rows adding up to one.

    Raises:
        PromptError: If no answer names classes.
    """
    names = {readable(name): place for place, name in enumerate(enhanced.label_names)}
    nodes: list[int] = []
    columns: list[int] = []
    weights: list[float] = []
    for answer in enhanced.provenance:
        if answer.template.split("@")[0] not in RANKING:
            continue
        if answer.parts and all(text in names for text, _ in answer.parts):
            nodes += [answer.node] * len(answer.parts)
            columns += [names[text] for text, _ in answer.parts]
            weights += [weight for _, weight in answer.parts]
    if not nodes:
        raise PromptError(
            "no answer names classes only; annotation needs a prompt that ranks "
            "them, such as 'rank_labels'"
        )
    index, row = torch.unique(torch.tensor(nodes), return_inverse=True)
    votes = torch.zeros(index.numel(), len(enhanced.label_names))
    votes.index_put_(
        (row, torch.tensor(columns)), torch.tensor(weights), accumulate=True
    )
    device = enhanced.edge_index.device
    return index.to(device), F.normalize(votes, p=1, dim=-1).to(device)


def combine_votes(
    prior: Tensor,
    index: Tensor,
    votes: Tensor,
    labels: Tensor | None = None,
    num_iterations: int = 5,
) -> Tensor:
    r"""Class probabilities after hearing a language model with unknown habits.

    A language model confuses some classes and not others. With a prior
    :math:`\mathbf{p}_i` (a GNN's probabilities) its confusion matrix
    :math:`\mathbf{M}`, row :math:`c` the votes that nodes of class :math:`c` get, is
    estimated together with the posterior by expectation maximisation,

    .. math::
        \mathbf{M}_{ck} \propto \epsilon_{ck} + \sum_{i \in A} \mathbf{b}_{ic}
            \mathbf{q}_{ik}, \qquad
        \mathbf{b}_{ic} \propto \mathbf{p}_{ic}
            \prod_k \mathbf{M}_{ck}^{\,\mathbf{q}_{ik}} \quad (i \in A),

    and :math:`\mathbf{b}_i = \mathbf{p}_i` elsewhere: two annotators in the sense of
    Dawid and Skene (1979), one of them the GNN. Votes that tell nothing
    (:math:`\mathbf{M}` with equal rows) change nothing.

    Args:
        prior (Tensor): :math:`(|V|, C)`, rows adding up to one.
        index (Tensor): The annotated nodes :math:`A`, :math:`(a)`.
        votes (Tensor): Their votes, :math:`(a, C)`.
        labels (Tensor, optional): Known classes, :math:`(|V|)`, :obj:`-1` elsewhere;
            these rows stay one-hot. Pass labels of the training nodes only.
        num_iterations (int, optional): Steps of the estimation.
            (default: :obj:`5`)

    Returns:
        Tensor: :math:`(|V|, C)`, rows adding up to one.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if votes.shape != (index.numel(), prior.size(1)):
        raise ValueError(
            f"'votes' must have shape ({index.numel()}, {prior.size(1)}) "
            f"(got {tuple(votes.shape)})"
        )
    base = prior.clone()
    if labels is not None:
        known = labels >= 0
        base[known] = F.one_hot(labels[known], prior.size(1)).to(prior)
    votes = votes.to(prior)
    count = prior.size(1)
    # A little faith in every vote, more in the right one: it names the classes.
    start = torch.full((count, count), SMOOTHING).to(prior)
    start.diagonal().add_(DIAGONAL)
    posterior = base.clone()
    for _ in range(num_iterations):
        confusion = F.normalize(start + posterior[index].T @ votes, p=1, dim=1)
        score = base[index].clamp_min(1e-12).log() + votes @ confusion.log().T
        posterior[index] = score.softmax(dim=-1)
    return posterior


def post_filter(
    votes: Tensor,
    keep: float = 0.8,
    by: Evidence = "confidence",
    density: Tensor | None = None,
) -> Tensor:
    """Drop the annotations that deserve the least trust.

    The post-filtering of LLM-GNN (Section 3.3), in three forms:

    * ``"confidence"``: the weight of the first choice,
    * ``"density"``: how representative the node is (``density``, higher is better:
      language models label nodes near cluster centres more reliably),
    * ``"entropy"``: greedily, the annotation whose removal leaves the most even
      histogram of labels; keeps rare classes. Ties: lower confidence goes first.

    Args:
        votes (Tensor): :math:`(a, C)`.
        keep (float, optional): Share that stays, in (0, 1]. (default: :obj:`0.8`)
        by (str, optional): See above. (default: :obj:`"confidence"`)
        density (Tensor, optional): :math:`(a)`, for ``"density"``.

    Returns:
        Tensor: ``bool`` mask, :math:`(a)`, with ``round(keep * a)`` true entries,
        at least one.

    Raises:
        UnknownNameError: If there is no such form.
        ValueError: If ``keep`` is out of range or ``density`` is missing.
    """
    if by not in get_args(Evidence):
        raise UnknownNameError("post-filter", by, get_args(Evidence))
    if not 0.0 < keep <= 1.0:
        raise ValueError(f"'keep' must be in (0, 1] (got {keep})")
    confidence = votes.max(dim=1).values
    trust = density if by == "density" else confidence
    if trust is None:
        raise ValueError("'density' is needed to filter by density")
    count = votes.size(0)
    quota = max(1, round(keep * count))
    if by == "entropy":
        return _most_even(votes, quota)
    mask = torch.zeros(count, dtype=torch.bool, device=votes.device)
    mask[torch.argsort(trust, descending=True, stable=True)[:quota]] = True
    return mask


def _most_even(votes: Tensor, quota: int) -> Tensor:
    confidence, label = votes.max(dim=1)
    mask = torch.ones(votes.size(0), dtype=torch.bool, device=votes.device)
    histogram = torch.bincount(label, minlength=votes.size(1))
    for _ in range(votes.size(0) - quota):
        # Taking one from the largest class is what evens the histogram most.
        largest = mask & (histogram[label] == histogram.max())
        goes = confidence.masked_fill(~largest, torch.inf).argmin()
        mask[goes] = False
        histogram[label[goes]] -= 1
    return mask

"""Asking the language model while the network learns, about what it does not know."""

from collections.abc import Sequence
from copy import copy

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.enhance import Enhancer
from graphllm.errors import BudgetError, SpendingLimitError
from graphllm.experiments.fit import Objective, run_model, supervised
from graphllm.experiments.study import only_nodes
from graphllm.llm import LLM, Completion, Request
from graphllm.llm.usage import LIMIT_REACHED
from graphllm.models import ELLaGNN
from graphllm.selection import SelectionContext, candidate_nodes, resolve_budget

ENHANCED = (
    *("x_llm", "x_answer", "x_answers", "x_views", "view_mask", "llm_index"),
    *("llm_mask", "edge_weight", "keep_edge", "free_edge_weight", "provenance"),
)


def on_demand(
    enhancer: Enhancer,
    x: Tensor,
    *,
    every: int = 20,
    rounds: int = 4,
    seed: int = 0,
    objective: Objective = supervised,
) -> Objective:
    r"""Spend the budget in rounds, each on what the live network needs most.

    After every :math:`k` epochs the enhancer's selector sees the class probabilities
    of the network as it stands (``SelectionContext.probs``), and the next
    :math:`b / r` nodes of the budget :math:`b` are asked about; nodes once asked
    stay enhanced and are not asked again. On-demand enhancement as in E-LLaGNN
    (`arXiv:2407.14996 <https://arxiv.org/abs/2407.14996>`_); with a selector that
    does not look at the network the result is one selection in instalments.

    The graph given to :func:`~graphllm.experiments.fit` gains the enhanced features
    in place, so hand over a shallow copy.

    Args:
        enhancer (Enhancer): Model, prompts, selector, and the whole budget.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        every (int, optional): :math:`k`, epochs before each round; the first are the
            warm-up. (default: :obj:`20`)
        rounds (int, optional): :math:`r`. (default: :obj:`4`)
        seed (int, optional): Seed of the selector. (default: :obj:`0`)
        objective (Objective, optional): The loss itself.
            (default: cross-entropy with enhanced features)

    Returns:
        Objective: To be given to :func:`~graphllm.experiments.fit`.

    Raises:
        BudgetError: If ``every`` or ``rounds`` is below one.
        SpendingLimitError: While training, if a spending limit cuts a round short.
    """
    if every < 1 or rounds < 1:
        raise BudgetError(
            f"'every' and 'rounds' must be >= 1 (got {every} and {rounds})"
        )

    enhancer = copy(enhancer)
    enhancer.llm = _Remembering(enhancer.llm)

    def loss(model: ELLaGNN, data: Data, epoch: int) -> Tensor:
        number, rest = divmod(epoch - 1, every)
        if rest == 0 and 1 <= number <= rounds:
            asked = _next_nodes(model, data, enhancer, x, number / rounds, seed)
            if asked.numel():
                _take_over(data, _enhance(data, enhancer, x, asked))
            model.train()
        return objective(model, data, epoch)

    return loss


class _Remembering:
    """Asks a language model the same thing once, however often it is needed."""

    def __init__(self, llm: LLM) -> None:
        self.llm = llm
        self.count_tokens = getattr(llm, "count_tokens", None)
        self._known: dict[Request, Completion] = {}

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        new = [request for request in requests if request not in self._known]
        new = list(dict.fromkeys(new))
        fresh = dict(zip(new, self.llm.complete(new), strict=True)) if new else {}
        self._known |= {r: c for r, c in fresh.items() if c.ok}
        return [fresh.get(request) or self._known[request] for request in requests]


def _next_nodes(
    model: ELLaGNN, data: Data, enhancer: Enhancer, x: Tensor, share: float, seed: int
) -> Tensor:
    """Everyone asked so far and the next instalment, ascending."""
    candidates = candidate_nodes(data, enhancer.pool, enhancer.num_hops)
    total = resolve_budget(enhancer.budget, candidates.numel())
    done = torch.zeros(x.size(0), dtype=torch.bool)
    done[[answer.node for answer in getattr(data, "provenance", None) or []]] = True
    room = round(share * total) - int(done.sum())
    fresh = candidates[~done[candidates]]
    model.eval()
    with torch.no_grad():
        probs = F.softmax(run_model(model, data, use_llm=True), dim=-1)
    context = SelectionContext(x, len(data.label_names), seed, probs=probs)
    score = enhancer.selector.score(data, context).detach().cpu()
    order = torch.argsort(score[fresh], descending=True, stable=True)
    done[fresh[order[: max(0, room)]]] = True
    return done.nonzero().view(-1)


def _enhance(data: Data, enhancer: Enhancer, x: Tensor, nodes: Tensor) -> Data:
    """Ask; a node without a usable answer stays plain, a spent limit ends the run."""
    enhanced = only_nodes(enhancer, nodes, x).run(data, x)
    for answer in enhanced.provenance:
        if answer.error is not None and answer.error.startswith(LIMIT_REACHED):
            raise SpendingLimitError(answer.error)
    return enhanced


def _take_over(data: Data, enhanced: Data) -> None:
    for name in ENHANCED:
        if name in data:
            del data[name]
        if name in enhanced:
            data[name] = enhanced[name]

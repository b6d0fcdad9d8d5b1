"""Several networks of one architecture, run as one."""

from collections.abc import Mapping, Sequence

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch.func import functional_call, vmap

from graphllm.experiments.ladling.dropout import Draws
from graphllm.experiments.ladling.norms import norm_one_by_one
from graphllm.experiments.ladling.products import is_mean
from graphllm.models.gcn import GCN
from graphllm.models.gcnii import GCNII
from graphllm.models.jknet import JKNet
from graphllm.models.propagation import NARROW
from graphllm.models.resgcn import ResGCN
from graphllm.models.sgc import SGC
from graphllm.models.sign import SIGN

_GCNS = (GCN, JKNet, ResGCN, GCNII, SGC, SIGN)


def is_stackable(model: nn.Module) -> bool:
    """Whether :class:`Stack` can run several of this network at once.

    Networks of the GCN family and GraphSAGE can: nothing in them depends on values,
    and all their dropout is in modules.
    """
    if type(model) in _GCNS:
        return getattr(model, "jk_mode", None) != "lstm"
    if type(model) is not pyg.GraphSAGE:
        return False
    convs = [module for module in model.modules() if isinstance(module, pyg.SAGEConv)]
    return model.jk_mode != "lstm" and all(is_mean(conv) for conv in convs)


class Stack:
    """The state of :math:`K` networks, stacked tensor by tensor.

    Args:
        model (torch.nn.Module): Runs them; its own state is not used.
        states (Sequence[Mapping[str, Tensor]]): State dict of each.
        draws (Draws): Where its seeded dropout gets the masks of each.
    """

    def __init__(
        self, model: nn.Module, states: Sequence[Mapping[str, Tensor]], draws: Draws
    ) -> None:
        self.model = norm_one_by_one(model)
        self.draws = draws
        learned = dict(model.named_parameters())
        self.parameters: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        for name in states[0]:
            stacked = arranged(torch.stack([state[name] for state in states]))
            kind = self.parameters if name in learned else self.buffers
            kind[name] = stacked

    def __call__(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Class scores, :math:`(K, |V|, C)`."""

        def one(state: dict[str, Tensor], which: Tensor) -> Tensor:
            self.draws.which = which
            result: Tensor = functional_call(self.model, state, (x, edge_index))
            return result

        state = {**self.parameters, **self.buffers}
        numbers = torch.arange(len(self.draws.seeds), device=x.device)
        out: Tensor = vmap(one)(state, numbers)
        return out

    def state(self, row: int) -> dict[str, Tensor]:
        """Copy of the state dict of one network, on the CPU."""
        both = {**self.parameters, **self.buffers}
        return {name: both[name][row].detach().cpu().clone() for name in both}


def arranged(stacked: Tensor) -> Tensor:
    r"""The same matrices, laid out as sparse products read them.

    Args:
        stacked (Tensor): :math:`(K, \ldots)`; weights :math:`(K, H, F)` become a view
            of a tensor :math:`(F, K, H)`, or :math:`(K, F, H)` for networks that take
            turns.
    """
    if stacked.dim() != 3:
        return stacked.contiguous()
    if stacked.size(1) >= NARROW:
        return stacked.transpose(1, 2).contiguous().transpose(1, 2)
    return stacked.permute(2, 0, 1).contiguous().permute(1, 2, 0)

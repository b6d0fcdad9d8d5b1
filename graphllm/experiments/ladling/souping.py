"""Fast scores of mixtures of ingredients on the validation nodes."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling.first_layer import (
    calls_of,
    first_layers,
    output_of,
)
from graphllm.experiments.ladling.last_layer import LastLayer, can_shorten
from graphllm.experiments.ladling.networks import has_own_edges
from graphllm.experiments.ladling.pair import FIRST, Pair, is_pair
from graphllm.experiments.ladling.products import override, share_products
from graphllm.experiments.ladling.recipe import Factory
from graphllm.experiments.ladling.stacked import is_stackable
from graphllm.models.backbones import takes_edges
from graphllm.soup import Score, SoupResult, StateDict, average
from graphllm.soup.batchnorm import evaluating

#: Name of the entry by which a mixture tells the shares of the ingredients.
SHARES = "ladling.shares"


class Scorer:
    r"""Scores mixtures of given ingredients without running them in full.

    * Only the validation rows of the last layer are computed.
    * The first layer of a mixture is the mixture of the ingredients' first layers,
      see :func:`~graphllm.experiments.ladling.first_layer.first_layers`, which are
      computed once, neighbours and all.
    * Several mixtures run as one wide network, as in
      :class:`~graphllm.experiments.ladling.runners.Vmapped`.
    * BatchNorm is recalibrated on the whole graph for every mixture, ingredients
      included, as :func:`graphllm.soup.recalibrate_batchnorm` does.
    * GCN and GraphSAGE of two layers are not run at all, see
      :class:`~graphllm.experiments.ladling.pair.Pair`: what is between the layers is
      computed for the neighbours of validation nodes alone.

    A network that chooses its edges, such as :class:`~graphllm.sparsify.MoG`, is run
    in full.

    Scores are those of the whole network to rounding. :attr:`states` stand for the
    ingredients in :func:`graphllm.soup.greedy_soup` and the like: their one entry
    holds the shares, which average as weights do and so always tell what a mixture is
    made of. Weights are mixed here, those of several mixtures in one product.

    Args:
        factory (Callable): Makes the network.
        data (Data): The graph, with ``val_mask``.
        ingredients (Sequence[StateDict]): The weights to mix.
        width (int, optional): Mixtures at once. (default: :obj:`16`)
        cache_mb (int, optional): Largest memory for first layers; without enough of
            it they are computed for each mixture. (default: :obj:`1024`)

    Raises:
        GraphLLMError: If there is no ingredient.
    """

    def __init__(
        self,
        factory: Factory,
        data: Data,
        ingredients: Sequence[StateDict],
        width: int = 16,
        cache_mb: int = 1024,
    ) -> None:
        if not ingredients:
            raise GraphLLMError("no ingredients to score (got 0); give at least one")
        self.ingredients = list(ingredients)
        self.data = data
        self.rows = data.val_mask.nonzero().view(-1)
        self.y = data.y[self.rows]
        with torch.random.fork_rng():
            self.model = factory().to(data.x.device).eval()
        self.inputs = (data.x, data.edge_index)[: 1 + takes_edges(self.model)]
        self.width = width if is_stackable(self.model) else 1
        self.norms = _norms(self.model)
        for norm in self.norms.values():
            # One pass over the graph: its statistics replace what was there.
            norm.momentum = 1.0
        self._shares: Tensor | None = None
        self._outputs: dict[str, Tensor] = {}
        self._pair: Pair | None = None
        self._is_short = False
        self._shorten(cache_mb)
        self._weights = self._still_read()
        shares = torch.eye(len(self.ingredients), dtype=torch.float64)
        self.states = [{SHARES: share} for share in shares]

    def __call__(self, state: StateDict) -> Score:
        """Score of one mixture of :attr:`states`."""
        return self.many([state])[0]

    def many(self, states: Sequence[StateDict]) -> list[Score]:
        """Scores of several mixtures of :attr:`states`, in wide passes."""
        scores: list[Score] = []
        for first in range(0, len(states), self.width):
            out = self._run(states[first : first + self.width])
            right = (out.argmax(dim=-1) == self.y).double().mean(dim=1)
            # Nodes last: a softmax goes along them, several at a time.
            y = self.y.expand(out.size(0), -1)
            losses = F.cross_entropy(out.mT.contiguous(), y, reduction="none")
            loss = losses.mean(dim=1)
            scores += map(Score, right.tolist(), loss.tolist())
        return scores

    def whole(self, soup: SoupResult) -> SoupResult:
        """The soup of :attr:`states` with all its weights in the place of some.

        Args:
            soup (SoupResult): Made of the first of them, or of all.
        """
        used = self.ingredients[: soup.weights.size(0)]
        return replace(soup, state_dict=average(used, soup.weights))

    def _shorten(self, cache_mb: int) -> None:
        """Put remembered first layers and a short last layer into the network."""
        if has_own_edges(self.model):
            return
        states = [self._on_device(state) for state in self.ingredients]
        limit = cache_mb * 2**20 / (self.data.x.element_size() * len(states))
        model: Any = self.model
        if is_pair(model) and self.data.x.size(0) * model.hidden_channels <= limit:
            self._pair = Pair(model, self.data, self.rows, states)
        else:
            self._shorten_any(states, limit)

    def _shorten_any(self, states: Sequence[StateDict], limit: float) -> None:
        """First layers and the last one as runs of the network show them."""
        model, x = self.model, self.data.x
        if is_stackable(model):
            share_products(model, x, self.data.edge_index)
        first = first_layers(model, self.inputs, states[0])
        short = [name for name, each in model.named_modules() if can_shorten(each)]
        calls = calls_of(model, self.inputs, [*first, *short], states[0])
        if sum(calls[name][0].output.numel() for name in first) > limit:
            first = []
        for name in first:
            (call,) = calls[name]
            outputs = [output_of(model, name, call, state) for state in states]
            self._outputs[name] = torch.stack(outputs)
            override(model.get_submodule(name), "forward", partial(self._mixed, name))
        last = next((n for n in [*first, *short] if _is_last(n, calls)), None)
        if last is None:
            return
        self._is_short = True
        if last in first:
            self._outputs[last] = self._outputs[last][:, self.rows]
            return
        layer = LastLayer(model.get_submodule(last), x, self.data.edge_index, self.rows)
        override(layer.module, "forward", layer.forward())

    def _still_read(self) -> dict[str, Tensor]:
        """The tensors of all ingredients that are still read, :math:`(K, ...)`."""
        made = {f"{norm}.{name}" for norm in self.norms for name in _STATISTICS}
        known = self._outputs if self._pair is None else [FIRST]
        dropped = tuple(f"{name}." for name in known)
        return {
            name: torch.stack([state[name] for state in self.ingredients]).to(each)
            for name, each in self.model.state_dict().items()
            if name not in made and not name.startswith(dropped)
        }

    def _mixtures(self, shares: Tensor) -> dict[str, Tensor]:
        """Their weights, one mixture after the other."""
        if self.width > 1:
            return {
                name: torch.tensordot(shares.to(each), each, 1)
                for name, each in self._weights.items()
            }
        # As the soup will be made: rounding may decide about an edge.
        names, rows = self._weights.keys(), zip(*self._weights.values(), strict=True)
        states = [dict(zip(names, row, strict=True)) for row in rows]
        mixture = average(states, shares[0])
        return {name: each.unsqueeze(0) for name, each in mixture.items()}

    @torch.no_grad()
    def _run(self, states: Sequence[StateDict]) -> Tensor:
        """Class scores of the validation nodes, :math:`(B, M, C)`."""
        exact = torch.stack([state[SHARES] for state in states])
        stack, shares = self._mixtures(exact), exact.to(self.data.x)
        if self._pair is not None:
            return self._pair(shares, stack)
        for name, norm in self.norms.items():
            for part, each in norm.named_buffers():
                wide = torch.zeros_like(each).expand(len(states), *each.shape)
                stack[f"{name}.{part}"] = wide.clone()
        if self.norms:
            with evaluating(self.model, batch_statistics=True):
                self._forward(stack, shares)
        return self._forward(stack, shares)

    def _forward(self, stack: dict[str, Tensor], shares: Tensor) -> Tensor:
        def one(state: dict[str, Tensor], shares: Tensor) -> Tensor:
            self._shares = shares
            out: Tensor = functional_call(self.model, state, self.inputs)
            return out if self._is_short else out[self.rows]

        if self.width > 1:
            wide: Tensor = vmap(one)(stack, shares)
            return wide
        # Statistics are written in place: rows of the stack, not copies.
        state = {name: each[0] for name, each in stack.items()}
        return one(state, shares[0]).unsqueeze(0)

    def _on_device(self, state: StateDict) -> dict[str, Tensor]:
        return {name: each.to(self.data.x.device) for name, each in state.items()}

    def _mixed(self, name: str, *args: Any, **kwargs: Any) -> Tensor:
        outputs = self._outputs[name]
        assert self._shares is not None
        return (self._shares @ outputs.flatten(1)).view(outputs.shape[1:])


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _norms(model: nn.Module) -> dict[str, _BatchNorm]:
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    }


def _is_last(name: str, calls: dict[str, Any]) -> bool:
    return len(calls[name]) == 1 and calls[name][0].output is calls[""][0].output

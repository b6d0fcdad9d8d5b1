"""Networks run in full, once, for the accuracies that are reported."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch_geometric.data import Data

from graphllm.experiments.ladling.products import share_products
from graphllm.experiments.ladling.recipe import Factory
from graphllm.experiments.ladling.stacked import is_stackable
from graphllm.models.backbones import call_backbone
from graphllm.soup import StateDict, recalibrate_batchnorm
from graphllm.soup.mixture import Network

Accuracies = dict[str, float]


class Reader:
    """Runs networks of one architecture on the whole graph.

    Args:
        factory (Callable): Makes the network.
        data (Data): The graph with its masks.
    """

    def __init__(self, factory: Factory, data: Data) -> None:
        self.data = data
        self.model = fresh(factory, data)
        if is_stackable(self.model):
            share_products(self.model, data.x, data.edge_index)
        self.has_batchnorm = any(
            isinstance(module, _BatchNorm) for module in self.model.modules()
        )

    @torch.no_grad()
    def scores(self, state: StateDict, recalibrate: bool = True) -> Tensor:
        """Class scores of every node.

        Args:
            state (StateDict): Weights.
            recalibrate (bool, optional): Whether BatchNorm statistics are measured
                anew. (default: :obj:`True`)
        """
        self.model.load_state_dict(dict(state))
        if recalibrate:
            recalibrate_batchnorm(self.model, self._run)
        return self._run(self.model)

    def accuracies(self, scores: Tensor) -> Accuracies:
        """Accuracy on the test and on the validation nodes."""
        right = scores.argmax(dim=-1) == self.data.y
        return {
            "test_acc": float(right[self.data.test_mask].double().mean()),
            "val_acc": float(right[self.data.val_mask].double().mean()),
        }

    def validation_loss(self, network: Network) -> Tensor:
        """Cross-entropy on the validation nodes, of what is called like the network."""
        mask = self.data.val_mask
        out = network(self.data.x, self.data.edge_index)
        return F.cross_entropy(out[mask], self.data.y[mask])

    def _run(self, model: nn.Module) -> Tensor:
        return call_backbone(model, self.data.x, self.data.edge_index, None)


def fresh(factory: Factory, data: Data) -> nn.Module:
    """A network where the graph is; the caller's random state is left as it was."""
    with torch.random.fork_rng():
        return factory().to(data.x.device).eval()

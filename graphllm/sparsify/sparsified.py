"""A GNN and the sparsifier that it runs behind."""

from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.sparsify.base import KEPT_ABOVE, Sparsifier, kept_per_hop
from graphllm.sparsify.masking import masked_forward, takes_edges

HOPS = "num_sampled_edges_per_hop"


class SparsifiedGNN(nn.Module):
    r"""A GNN that sees the edges which a sparsifier keeps.

    In training the network runs on all edges with the removed ones masked, so that
    gradients reach the sparsifier; see
    :func:`graphllm.sparsify.masked_forward`. In evaluation it runs on the kept edges
    alone, which is faster and gives the same output to rounding:

    .. math::
        \mathbf{Z} = \mathrm{GNN}(\mathbf{X}, \hat{\mathcal{E}}), \qquad
        \hat{\mathcal{E}} = \{ e \in \mathcal{E} : m_e = 1 \}

    After each call ``aux_loss`` is the sparsifier's own loss, to be added to the
    task's, and ``kept`` the share of all edges that is left.

    Args:
        gnn (torch.nn.Module): A network of PyG layers, or one that takes no edges.
        sparsifier (Sparsifier): Which edges stay.

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **edge_attr:** :math:`(|E|, D)`, optional
        - **edge_weight:** :math:`(|E|)`, optional
        - **edge_prior:** :math:`(|E|, C)`, optional, for the sparsifier only
        - **batch:** :math:`(|V|)`, optional, the graph of each node
        - **output:** that of the network

    Example:
        >>> model = SparsifiedGNN(GCN(64, 32, 2, 7), sparsifier)
        >>> loss = F.cross_entropy(model(x, edge_index), y) + model.aux_loss
    """

    def __init__(self, gnn: nn.Module, sparsifier: Sparsifier) -> None:
        super().__init__()
        self.gnn = gnn
        self.sparsifier = sparsifier
        self.aux_loss = torch.zeros(())
        self.kept = 1.0

    def __getstate__(self) -> dict[str, Any]:
        """Without the last pass: copies and files are of the networks alone."""
        return {**super().__getstate__(), "aux_loss": torch.zeros(())}

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        *,
        edge_attr: Tensor | None = None,
        edge_weight: Tensor | None = None,
        edge_prior: Tensor | None = None,
        batch: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """The output of the network on the edges that are kept.

        ``batch`` is passed on to networks that take it, and ``kwargs``, such as the
        ``num_sampled_nodes_per_hop`` of PyG's models, as they are; edges of each hop
        are counted anew where some are gone.

        Raises:
            TextGraphError: If the network would ignore ``edge_weight`` or
                ``edge_attr``.
            GraphLLMError: In training, if its layers cannot be masked.
        """
        edge_mask, self.aux_loss = self.sparsifier(
            x,
            edge_index,
            edge_prior=edge_prior,
            edge_weight=edge_weight,
            batch=batch,
        )
        keep = edge_mask > KEPT_ABOVE
        self.kept = float(keep.float().mean()) if keep.numel() > 0 else 1.0
        of_edges = {"edge_weight": edge_weight, "edge_attr": edge_attr}
        given = {key: value for key, value in of_edges.items() if value is not None}
        for key in given:
            _check_not_ignored(self.gnn, key)
        if batch is not None and _takes_batch(self.gnn):
            kwargs["batch"] = batch
        if self.training or not takes_edges(self.gnn):
            return masked_forward(self.gnn, x, edge_index, edge_mask, **given, **kwargs)
        if not bool(keep.all()):
            edge_index = edge_index[:, keep]
            given = {key: value[keep] for key, value in given.items()}
            if kwargs.get(HOPS) is not None:
                kwargs[HOPS] = kept_per_hop(kwargs[HOPS], keep)
        return self.gnn(x, edge_index, **given, **kwargs)

    def sparsify(self, data: Data) -> Data:
        """The graph with the kept edges, see :meth:`Sparsifier.sparsify`."""
        return self.sparsifier.sparsify(data)


def _check_not_ignored(gnn: nn.Module, name: str) -> None:
    if not takes_edges(gnn) or not getattr(gnn, f"supports_{name}", True):
        raise TextGraphError(
            f"'{type(gnn).__name__}' ignores '{name}'; leave it out, or take a network "
            "that reads it"
        )


def _takes_batch(gnn: nn.Module) -> bool:
    parameters = signature(gnn.forward).parameters
    passes_on = any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())
    # A batch that no normalisation asks for would cost GCN its sparse product.
    return "batch" in parameters or (
        passes_on and getattr(gnn, "supports_norm_batch", False)
    )

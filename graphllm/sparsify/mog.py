"""MoG: a GNN and the mixture of sparsifiers that prunes its graph."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.sparsify.budgets import Allocation
from graphllm.sparsify.criteria.base import Criterion
from graphllm.sparsify.criteria.degree import degree
from graphllm.sparsify.criteria.effective_resistance import effective_resistance
from graphllm.sparsify.criteria.jaccard import jaccard
from graphllm.sparsify.mixing import Mix
from graphllm.sparsify.mog_sparsifier import MoGSparsifier
from graphllm.sparsify.sparsified import SparsifiedGNN
from graphllm.sparsify.symmetric import Symmetric


class MoG(SparsifiedGNN):
    r"""A GNN that learns which edges it can do without.

    `"Graph Sparsification via Mixture of Graphs" <https://arxiv.org/abs/2405.14260>`_:
    a :class:`~graphllm.sparsify.MoGSparsifier`, which has the method and all that
    differs from the paper and its code, in front of any message passing network, both
    trained end to end with

    .. math::
        \mathcal{L} = \mathcal{L}_{\mathrm{task}} + \mathcal{L}_{\mathrm{aux}} .

    In training the network runs on all edges under the mask, which equals running it
    on the kept ones; in evaluation it does run on those alone. After training,
    :meth:`sparsify` gives the smaller graph itself.

    Args:
        gnn (torch.nn.Module): Called with ``(x, edge_index)``, and with what else
            :meth:`forward` is given.
        criteria (sequence of callable, optional): Prior criteria.
            (default: :obj:`(degree, jaccard, effective_resistance)`)
        sparsities (sequence of float, optional): Shares of its edges that an expert
            *removes*. (default: :obj:`(0.1, 0.3, 0.5)`)
        k (int, optional): Experts a node. (default: :obj:`2`)
        in_channels (int, optional): Size of each feature vector.
            (default: :obj:`gnn.in_channels`)
        sparsity (float, optional): Share of all edges to *remove* in every call; with
            :obj:`None` each node has the mean of its experts. (default: :obj:`None`)
        mix (str, optional): ``"grassmann"``, ``"vote"`` or ``"gated_mean"``.
            (default: :obj:`"grassmann"`)
        symmetric (str, optional): ``"union"``, ``"intersection"`` or ``"mean"`` of
            the verdicts of both ends; with :obj:`None` directions are on their own.
            (default: :obj:`None`)
        min_edges (int, optional): Edges that a node keeps at least.
            (default: :obj:`1`)
        hidden_channels (int, optional): Size of the experts' hidden layer.
            (default: :obj:`64`)
        temperature (float, optional): Of the soft vote. (default: :obj:`1.0`)
        balance (tuple of float, optional): Weights of importance and load in
            ``aux_loss``. (default: :obj:`(1e-2, 1e-2)`)
        mix_interval (int, optional): Training passes between two Grassmann mixings of
            the same graph. (default: :obj:`1`)
        max_ego (int, optional): Most nodes of a mixed ego. (default: :obj:`16`)
        num_eigs (int, optional): Most eigenvectors of an ego. (default: :obj:`4`)
        allocation (str, optional): How a given ``sparsity`` is spread over the nodes:
            ``"cap"`` or ``"share"``. (default: :obj:`"cap"`)

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **edge_prior:** :math:`(|E|, C)`, optional
        - **output:** that of the network

    Raises:
        GraphLLMError: If ``in_channels`` is neither given nor known to ``gnn``, and as
            :class:`~graphllm.sparsify.MoGSparsifier` does.

    Example:
        >>> model = MoG(GraphSAGE(data.num_features, 64, 2, 7), sparsity=0.3)
        >>> out = model(data.x, data.edge_index)
        >>> loss = F.cross_entropy(out[mask], data.y[mask]) + model.aux_loss
        >>> smaller = model.sparsify(data)
    """

    def __init__(
        self,
        gnn: nn.Module,
        criteria: Sequence[Criterion] = (degree, jaccard, effective_resistance),
        sparsities: Sequence[float] = (0.1, 0.3, 0.5),
        k: int = 2,
        *,
        in_channels: int | None = None,
        sparsity: float | None = None,
        mix: Mix = "grassmann",
        symmetric: Symmetric | None = None,
        min_edges: int = 1,
        hidden_channels: int = 64,
        temperature: float = 1.0,
        balance: tuple[float, float] = (1e-2, 1e-2),
        mix_interval: int = 1,
        max_ego: int = 16,
        num_eigs: int = 4,
        allocation: Allocation = "cap",
    ) -> None:
        if in_channels is None:
            in_channels = getattr(gnn, "in_channels", None)
        if not isinstance(in_channels, int) or in_channels < 1:
            raise GraphLLMError(
                "'in_channels' must be the size of each feature vector (got "
                f"{in_channels}); '{gnn.__class__.__name__}' does not tell it"
            )
        sparsifier = MoGSparsifier(
            in_channels,
            criteria,
            sparsities,
            k,
            sparsity=sparsity,
            mix=mix,
            symmetric=symmetric,
            min_edges=min_edges,
            hidden_channels=hidden_channels,
            temperature=temperature,
            balance=balance,
            mix_interval=mix_interval,
            max_ego=max_ego,
            num_eigs=num_eigs,
            allocation=allocation,
        )
        super().__init__(gnn, sparsifier)
        self.sparsifier: MoGSparsifier = sparsifier

    @property
    def temperature(self) -> float:
        """Temperature of the soft vote; a training loop may set it."""
        return self.sparsifier.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        """Set it."""
        self.sparsifier.temperature = value

    def routing(self, data: Data) -> Tensor:
        """Who asks which expert, see :meth:`MoGSparsifier.routing`."""
        return self.sparsifier.routing(data)

"""E-LLaGNN: an ordinary GNN that may read LLM-enhanced features."""

from typing import get_args

from torch import Tensor, nn

from graphllm.errors import UnknownNameError
from graphllm.models.backbones import call_backbone, make_backbone
from graphllm.models.fusion import Fusion, fuse
from graphllm.models.learned_fusion import learned_fusion


class ELLaGNN(nn.Module):
    r"""An ordinary GNN that may read LLM-enhanced features, and needs none.

    The network of E-LLaGNN, `"All Against Some: Efficient Integration of Large
    Language Models for Message Passing in Graph Neural Networks"
    <https://arxiv.org/abs/2407.14996>`_.

    A limited set :math:`S \subset V` of nodes has, besides the plain text features
    :math:`\mathbf{x}_i = \mathrm{enc}(t_i)`, enhanced ones :math:`\mathbf{x}^{+}_i`
    made with a language model (see :class:`graphllm.enhance.Enhancer`). The network
    is a conventional GNN over the fused features,

    .. math::
        \mathbf{Z} = \mathrm{GNN}(\tilde{\mathbf{X}}, \mathbf{A}), \qquad
        \tilde{\mathbf{x}}_i = \begin{cases}
            \mathrm{fuse}(\mathbf{x}_i, \mathbf{x}^{+}_i) & i \in S \\
            \mathbf{x}_i & \text{otherwise.}
        \end{cases}

    Without ``x_llm`` it is LLM-free: plain features go straight to the backbone, and
    the output is bit-identical to the backbone's own, whatever the fusion. Fusions
    with parameters make them after the backbone's, which therefore starts from the
    same ones for every fusion.

    .. note::
        The authors published no code. Fusion is this library's decision:
        ``random_view`` shows the network both versions of each enhanced node, which
        LLM-free inference asks for.

    Args:
        backbone (str or type or torch.nn.Module): A name in
            :obj:`graphllm.models.BACKBONES` (``"gcn"``, ``"sage"``, ``"gat"``,
            ``"gin"``, ``"mlp"``, ``"resgcn"``, ``"gcnii"``, ``"jknet"``,
            ``"appnp"``, ``"sgc"``, ``"pna"``, ``"sign"``), a class with the
            constructor of PyG's models, or a module that is used as it is.
        in_channels (int, optional): Size of each feature vector; with a ready-made
            module used by fusions with parameters only, and the next three not at
            all.
        hidden_channels (int, optional): Size of each hidden layer.
        out_channels (int, optional): Number of classes.
        num_layers (int, optional): Number of layers. (default: :obj:`2`)
        fusion (str, optional): ``"random_view"``, ``"replace"``, ``"mix"``,
            ``"multi"``, ``"gate"`` or ``"attention"``, see
            :func:`graphllm.models.fuse`. (default: :obj:`"random_view"`)
        mix (float, optional): Weight of the enhanced features in ``"mix"``.
            (default: :obj:`0.5`)
        **kwargs (object): Passed to the backbone's class, for example ``dropout``,
            ``norm`` or ``heads``.

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **edge_weight:** :math:`(|E|)`, optional
        - **x_llm:** :math:`(|S|, F)`, or :math:`(|S|, P, F)` with a view for each of
          :math:`P` prompts; rows in ascending order of their nodes
        - **llm_mask:** :math:`(|V|)` ``bool``
        - **view_mask:** :math:`(|S|, P)` ``bool``, optional: which views there are
        - **output:** :math:`(|V|, C)`, unnormalised class scores

    Raises:
        UnknownNameError: If there is no such backbone or fusion.
        ValueError: If shapes do not fit, ``x_llm`` comes without ``llm_mask``, or a
            fusion with parameters without ``in_channels``.

    Example:
        >>> model = ELLaGNN("sage", 384, 128, 7)
        >>> out = model(data.x, data.edge_index, x_llm=data.x_llm,
        ...             llm_mask=data.llm_mask)
        >>> out = model(data.x, data.edge_index)  # LLM-free
    """

    def __init__(
        self,
        backbone: str | type[nn.Module] | nn.Module,
        in_channels: int = -1,
        hidden_channels: int = 128,
        out_channels: int = -1,
        num_layers: int = 2,
        *,
        fusion: Fusion = "random_view",
        mix: float = 0.5,
        **kwargs: object,
    ) -> None:
        super().__init__()
        if fusion not in get_args(Fusion):
            raise UnknownNameError("fusion", fusion, get_args(Fusion))
        if not 0.0 <= mix <= 1.0:
            raise ValueError(f"'mix' must be in [0, 1] (got {mix})")
        if not isinstance(backbone, nn.Module) and out_channels < 1:
            raise ValueError(
                f"'out_channels' must be the number of classes (got {out_channels})"
            )
        self.backbone = make_backbone(
            backbone, in_channels, hidden_channels, out_channels, num_layers, **kwargs
        )
        self.fusion: Fusion = fusion
        self.mix = mix
        self.fuser = learned_fusion(fusion, in_channels)

    def reset_parameters(self) -> None:
        """Initialise the backbone, and the fusion if it has parameters, afresh."""
        self.backbone.reset_parameters()  # type: ignore[operator]
        if self.fuser is not None:
            self.fuser.reset_parameters()  # type: ignore[operator]

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        x_llm: Tensor | None = None,
        llm_mask: Tensor | None = None,
        view_mask: Tensor | None = None,
    ) -> Tensor:
        """Class scores of every node."""
        if x_llm is not None:
            if llm_mask is None:
                raise ValueError("'x_llm' needs 'llm_mask' to say which nodes it is of")
            fusion = self.fusion if self.fuser is None else self.fuser
            x = fuse(x, x_llm, llm_mask, fusion, self.mix, self.training, view_mask)
        return call_backbone(self.backbone, x, edge_index, edge_weight)

    def __repr__(self) -> str:
        mix = f", mix={self.mix}" if self.fusion == "mix" else ""
        return f"{self.__class__.__name__}({self.backbone}, fusion={self.fusion}{mix})"

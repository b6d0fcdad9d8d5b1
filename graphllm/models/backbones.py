"""Any PyG network as the backbone: by name, by class or ready-made."""

import inspect

import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphllm.errors import UnknownNameError
from graphllm.models.appnp import APPNP
from graphllm.models.gcn import GCN
from graphllm.models.gcnii import GCNII
from graphllm.models.jknet import JKNet
from graphllm.models.pna import PNA
from graphllm.models.resgcn import ResGCN
from graphllm.models.sgc import SGC
from graphllm.models.sign import SIGN

BACKBONES: dict[str, type[nn.Module]] = {
    "gcn": GCN,
    "sage": pyg.GraphSAGE,
    "gat": pyg.GAT,
    "gin": pyg.GIN,
    "mlp": pyg.MLP,
    "resgcn": ResGCN,
    "gcnii": GCNII,
    "jknet": JKNet,
    "appnp": APPNP,
    "sgc": SGC,
    "pna": PNA,
    "sign": SIGN,
}


def make_backbone(
    backbone: str | type[nn.Module] | nn.Module,
    in_channels: int,
    hidden_channels: int,
    out_channels: int,
    num_layers: int,
    **kwargs: object,
) -> nn.Module:
    """Build the network that aggregates.

    Args:
        backbone (str or type or torch.nn.Module): One of ``gcn``, ``sage``, ``gat``,
            ``gin``, ``mlp``, ``resgcn``, ``gcnii``, ``jknet``, ``appnp``, ``sgc``,
            ``pna``, ``sign``; a class with the constructor of PyG's models; or a
            module, which is used as it is.
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hidden layer.
        out_channels (int): Number of classes.
        num_layers (int): Number of layers.
        **kwargs (object): Passed to the class, for example ``dropout`` or ``norm``.

    Returns:
        torch.nn.Module: ``forward(x, edge_index)``, or ``forward(x)`` for an MLP.

    Raises:
        UnknownNameError: If the name is none of the above.
    """
    if isinstance(backbone, nn.Module):
        return backbone
    if isinstance(backbone, str):
        if backbone not in BACKBONES:
            raise UnknownNameError("backbone", backbone, BACKBONES)
        backbone = BACKBONES[backbone]
    if issubclass(backbone, pyg.MLP):
        # PyG's MLP switches batch norm on by default, its GNNs do not.
        kwargs.setdefault("norm", None)
    return backbone(
        in_channels=in_channels,
        hidden_channels=hidden_channels,
        out_channels=out_channels,
        num_layers=num_layers,
        **kwargs,
    )


def takes_edges(backbone: nn.Module) -> bool:
    """Whether ``forward`` has an ``edge_index``."""
    return "edge_index" in inspect.signature(backbone.forward).parameters


def takes_edge_weight(backbone: nn.Module) -> bool:
    """Whether edge weights reach the aggregation of this network."""
    supported = getattr(backbone, "supports_edge_weight", None)
    if supported is not None:
        return bool(supported)
    return "edge_weight" in inspect.signature(backbone.forward).parameters


def call_backbone(
    backbone: nn.Module, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None
) -> Tensor:
    """Run the network with the arguments that it understands.

    Raises:
        ValueError: If edge weights are given to a network that would ignore them.
    """
    if not takes_edges(backbone):
        return backbone(x)
    if edge_weight is None:
        return backbone(x, edge_index)
    if not takes_edge_weight(backbone):
        raise ValueError(
            f"'{backbone.__class__.__name__}' ignores edge weights; pass "
            "edge_weight=None, or drop edges with graphllm.enhance.keep_edges"
        )
    return backbone(x, edge_index, edge_weight=edge_weight)

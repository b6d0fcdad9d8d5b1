"""What depth does to a network: gradients that fade, nodes that grow alike."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import degree, remove_self_loops


def layer_gradient_norms(model: nn.Module) -> Tensor:
    r"""Length of the weight gradient of every graph convolution.

    .. math::
        \gamma_\ell = \left\lVert \frac{\partial \mathcal{L}}
            {\partial \mathbf{W}^{(\ell)}} \right\rVert_2

    The measure of `"Old can be Gold: Better Gradient Flow can Make Vanilla-GCNs Great
    Again" <https://arxiv.org/abs/2210.08122>`_. A layer with several weight matrices
    counts as one vector of all their entries; biases and layers without weights
    (such as the propagation of APPNP) do not count, and a weight that no gradient
    reached counts as zero.

    Args:
        model (torch.nn.Module): A network of PyG's convolutions after a backward
            pass.

    Returns:
        Tensor: One number a layer, in the order of the network.

    Raises:
        ValueError: If there is no convolution with weights, or no gradient at all.
    """
    layers = []
    inside: set[nn.Module] = set()
    for module in model.modules():
        if not isinstance(module, MessagePassing) or module in inside:
            continue
        inside.update(module.modules())
        weights = [weight for weight in module.parameters() if weight.dim() > 1]
        if weights:
            layers.append(weights)
    if not layers:
        raise ValueError(
            f"'{model.__class__.__name__}' has no graph convolution with weights; its "
            "gradient flow is not defined"
        )
    if all(weight.grad is None for weights in layers for weight in weights):
        raise ValueError("no weight has a gradient; call backward() on a loss first")
    return torch.stack([_length(weights) for weights in layers])


def gradient_flow(model: nn.Module) -> float:
    r"""Mean length of the weight gradients of the graph convolutions.

    .. math::
        \frac{1}{L} \sum_{\ell = 1}^{L} \gamma_\ell

    Args:
        model (torch.nn.Module): A network after a backward pass, see
            :func:`layer_gradient_norms`.

    Returns:
        float: Not negative; near zero, the network no longer learns.
    """
    return float(layer_gradient_norms(model).mean())


def dirichlet_energy(x: Tensor, edge_index: Tensor) -> float:
    r"""How much features differ across edges.

    .. math::
        E(\mathbf{X}) = \mathrm{tr} \left( \mathbf{X}^{\top}
            (\mathbf{I} - \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}}
            \hat{\mathbf{D}}^{-1/2}) \mathbf{X} \right)
        = \frac{1}{2} \sum_{(j, i) \in E} \left\lVert
            \frac{\mathbf{x}_i}{\sqrt{1 + d_i}} - \frac{\mathbf{x}_j}{\sqrt{1 + d_j}}
            \right\rVert^2

    Definition 3.1 of `"A Note on Over-Smoothing for Graph Neural Networks"
    <https://arxiv.org/abs/2006.13318>`_, on the graph with one self-loop a node. It
    falls to zero where a network smooths features away, and grows with the square of
    their scale.

    Args:
        x (Tensor): Features, :math:`(|V|, F)`.
        edge_index (Tensor): :math:`(2, |E|)`, every undirected edge in both
            directions.

    Returns:
        float: Not negative.
    """
    source, target = remove_self_loops(edge_index)[0]
    scale = (1.0 + degree(target, x.size(0), dtype=x.dtype)).rsqrt().unsqueeze(-1)
    scaled = x.detach() * scale
    return float((scaled[target] - scaled[source]).square().sum() / 2)


def mean_average_distance(x: Tensor) -> float:
    r"""Mean cosine distance of two nodes (MAD).

    .. math::
        \frac{1}{|V| (|V| - 1)} \sum_{i \neq j} 1 -
            \frac{\mathbf{x}_i^{\top} \mathbf{x}_j}
            {\lVert \mathbf{x}_i \rVert \, \lVert \mathbf{x}_j \rVert}

    From `"Measuring and Relieving the Over-smoothing Problem for Graph Neural
    Networks from the Topological View" <https://arxiv.org/abs/1909.03211>`_, over all
    pairs of nodes, in linear time. Zero where all nodes point the same way. Two rows
    of zeros are as alike as two rows can be: their distance is zero; to any other row
    it is one.

    .. note::
        The authors leave pairs at distance zero out of the mean. Here they count, so
        that a network that maps half of the nodes onto one point gets a lower value.

    Args:
        x (Tensor): Features, :math:`(|V|, F)`, at least two rows.

    Returns:
        float: In [0, 2].

    Raises:
        ValueError: If there are fewer than two rows.
    """
    num_nodes = x.size(0)
    if num_nodes < 2:
        raise ValueError(f"a mean distance needs two nodes or more (got {num_nodes})")
    direction = F.normalize(x.detach().double(), dim=-1)
    gone = int((x == 0).all(dim=-1).sum())
    # Sum over all pairs, then without the nodes themselves.
    alike = float(direction.sum(dim=0).square().sum()) - (num_nodes - gone)
    alike += gone * (gone - 1)
    return max(0.0, 1.0 - alike / (num_nodes * (num_nodes - 1)))


def _length(weights: list[nn.Parameter]) -> Tensor:
    squares = [
        weight.grad.square().sum() if weight.grad is not None else weight.new_zeros(())
        for weight in weights
    ]
    return torch.stack(squares).sum().sqrt().detach()

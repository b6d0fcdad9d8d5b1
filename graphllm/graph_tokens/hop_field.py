"""The Hop-Field Overview template: features averaged over growing circles."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from graphllm.errors import EmbeddingError, GraphLLMError, UnknownNameError
from graphllm.graph_tokens.base import JSON, GraphTemplate, GraphTokens, NodeTokens
from graphllm.graph_tokens.hop_file import contents_of, map_hops, write_hops
from graphllm.graph_tokens.simple_graph import SimpleGraph, simple_graph
from graphllm.graph_tokens.visible import refuse_visible

HopNorm = Literal["mean", "sym"]


@dataclass(frozen=True)
class HopField(GraphTemplate):
    r"""One token a hop: averages over ever larger neighbourhoods.

    The Hop-Field Overview template of `"LLaGA: Large Language and Graph Assistant"
    <https://arxiv.org/abs/2402.08170>`_. :math:`T = H + 1` tokens: the features of the
    node, and :math:`H` times the step

    .. math::
        \mathbf{h}^{(i)}_v = \frac{1}{|\mathcal{N}(v)|}
            \sum_{u \in \mathcal{N}(v)} \mathbf{h}^{(i - 1)}_u

    (Eq. 3). A node without neighbours has zeros from the first hop on; its tokens
    count as tokens all the same.

    .. note::
        The published code takes the weights :math:`1 / \sqrt{d_v d_u}` in place of
        :math:`1 / d_v`, with degrees counted at targets: ``norm="sym"``. When it scores
        edges of small graphs it adds self-loops that it does not train with; here none
        are added at any time.

    Args:
        num_hops (int, optional): Hops, :math:`H`; none leaves the node alone.
            (default: :obj:`4`)
        norm (str, optional): ``"mean"`` or ``"sym"``. (default: :obj:`"mean"`)
        chunk_size (int, optional): Features that are propagated at once. Bounds the
            memory besides the result, and changes nothing else. (default: :obj:`64`)
        path (str or Path, optional): File for the hops, in 16 bits, that is read as
            tokens are asked for. With ``PATH.json`` beside it, it is used again for the
            same graph, features and settings, and written anew for others: give each
            graph a path of its own. (default: in memory, in the precision of ``x``)

    Raises:
        GraphLLMError: If a number is not positive.
        UnknownNameError: If there is no such norm.
    """

    num_hops: int = 4
    norm: HopNorm = "mean"
    chunk_size: int = field(default=64, compare=False)
    path: str | Path | None = field(default=None, compare=False)

    name: ClassVar[str] = "ho"

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.norm not in get_args(HopNorm):
            raise UnknownNameError("hop norm", self.norm, get_args(HopNorm))
        for entry, least in (("num_hops", 0), ("chunk_size", 1)):
            value = getattr(self, entry)
            if not isinstance(value, int) or value < least:
                raise GraphLLMError(
                    f"'{entry}' must be at least {least} (got {value!r})"
                )

    @property
    def num_tokens(self) -> int:
        """Hops and the node itself."""
        return self.num_hops + 1

    def num_features(self, in_channels: int) -> int:
        """As many as nodes have."""
        return in_channels

    def bind(self, x: Tensor, edge_index: Tensor) -> "HopTokens":
        """Propagate the features of all nodes, where ``x`` is."""
        return HopTokens(self, x, edge_index)

    def spec(self) -> dict[str, JSON]:
        """What decides on the tokens: neither the chunks nor the file do."""
        return {"name": self.name, "num_hops": self.num_hops, "norm": self.norm}


class HopTokens(NodeTokens):
    """:class:`HopField` bound to a graph.

    What an edge did to the features cannot be taken out again, so ``exclude`` and
    ``pairs`` only check that the edge was not there.

    Args:
        template (HopField): The rule.
        x (Tensor): :math:`(|V|, F)`.
        edge_index (Tensor): :math:`(2, |E|)`.
    """

    template: HopField

    def __init__(self, template: HopField, x: Tensor, edge_index: Tensor) -> None:
        super().__init__(template, x.size(0))
        self.graph = simple_graph(x, edge_index)
        self.x = x.detach()
        if template.path is None:
            self.hops = x.new_empty(x.size(0), template.num_hops, x.size(1))
            _fill(template, self.x, self.graph, self.hops)
            return
        contents = contents_of(
            self.x, self.graph.keys, template.num_hops, template.norm
        )
        hops = map_hops(template.path, contents)
        if hops is None:
            hops = write_hops(
                template.path,
                contents,
                lambda out: _fill(template, self.x, self.graph, out),
            )
        self.hops = hops

    def _tokens(self, nodes: Tensor, exclude: Tensor | None, epoch: int) -> GraphTokens:
        if exclude is not None:
            at, other = nodes.to(self.graph.keys), exclude.to(self.graph.keys)
            seen = self.graph.joined(at, other)
            refuse_visible(seen, nodes, exclude, "the hop features were made with it")
        hops = self.hops[nodes.to(self.hops.device)].to(self.x)
        nodes = nodes.to(self.x.device)
        x = torch.cat([self.x[nodes].unsqueeze(1), hops], dim=1)
        nodes = nodes.view(-1, 1).expand(-1, self.template.num_tokens)
        return GraphTokens(x, torch.ones_like(nodes, dtype=torch.bool), nodes)


def _fill(template: HopField, x: Tensor, graph: SimpleGraph, out: Tensor) -> None:
    """Write hops 1 to H of all nodes into ``out``, :math:`(|V|, H, F)`."""
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    matrix = _step(graph, template.norm, exact, x.device)
    for begin in range(0, x.size(1), template.chunk_size):
        columns = slice(begin, begin + template.chunk_size)
        h = x[:, columns].to(exact).contiguous()
        for hop in range(template.num_hops):
            h = matrix @ h
            out[:, hop, columns] = h
            if not bool(out[:, hop, columns].isfinite().all()):
                raise EmbeddingError(
                    f"hop features reach {float(h.abs().max()):.4g}, which does not "
                    f"fit {out.dtype}; scale 'x' down, or mend what is not finite"
                )


def _step(
    graph: SimpleGraph, norm: HopNorm, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The matrix of one step in compressed rows, one row a receiving node."""
    degree = graph.indptr.diff()
    target = torch.repeat_interleave(degree)
    if norm == "mean":
        weight = degree.to(dtype).reciprocal()[target]
    else:
        scale = degree.to(dtype).rsqrt()
        scale[degree == 0] = 0.0
        weight = scale[target] * scale[graph.indices]
    # Half the index memory; both parts must be of one type.
    small = graph.indices.numel() < 2**31
    ids = torch.int32 if small else torch.int64
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(
            graph.indptr.to(device, ids),
            graph.indices.to(device, ids),
            weight.to(device),
            (graph.num_nodes, graph.num_nodes),
            check_invariants=False,
        )

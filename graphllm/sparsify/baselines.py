"""Sparsifiers with one fixed criterion for the whole graph, to compare with."""

from functools import partial

import torch
from torch import Tensor

from graphllm.sparsify.criteria import (
    effective_resistance,
    feature_cosine,
    forest_fire,
    jaccard,
    local_degree,
    local_similarity,
    random_score,
    scan,
)
from graphllm.sparsify.criteria.effective_resistance import Method
from graphllm.sparsify.score_sparsifier import ScoreSparsifier


class RandomSparsifier(ScoreSparsifier):
    """Keeps a uniform sample of the edges: the control of every other sparsifier.

    With one seed, the edges kept at a larger sparsity are among those of a smaller one.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        seed (int, optional): Seed of the sample. (default: :obj:`0`)
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self,
        sparsity: float,
        seed: int = 0,
        min_edges: int = 0,
        kept: int | None = None,
    ) -> None:
        criterion = partial(random_score, seed=seed)
        super().__init__(criterion, sparsity, min_edges=min_edges, kept=kept)


class LocalDegree(ScoreSparsifier):
    r"""Keeps edges that lead to the hubs of a neighbourhood.

    From `"Structure-Preserving Sparsification Methods for Social Networks"
    <https://arxiv.org/abs/1601.00286>`_ (2016): every node wants its
    :math:`d_i^{\alpha}` neighbours of highest degree, and an edge stays if either end
    wants it. The exponent is the one at which the budget is met, since
    :func:`~graphllm.sparsify.criteria.local_degree` is one minus the smallest exponent
    that keeps an edge. While the budget allows, every node keeps an edge.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self, sparsity: float, min_edges: int = 0, kept: int | None = None
    ) -> None:
        super().__init__(local_degree, sparsity, min_edges=min_edges, kept=kept)


class ForestFire(ScoreSparsifier):
    """Keeps edges that burn most often in random fires.

    From `"Structure-Preserving Sparsification Methods for Social Networks"
    <https://arxiv.org/abs/1601.00286>`_ (2016); see
    :func:`~graphllm.sparsify.criteria.forest_fire`.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        seed (int, optional): Seed of the fires. (default: :obj:`0`)
        burn_probability (float, optional): Probability that a fire goes on to one
            more neighbour. (default: :obj:`0.6`)
        burns_per_edge (float, optional): Fires that an edge sees on average.
            (default: :obj:`5.0`)
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self,
        sparsity: float,
        seed: int = 0,
        burn_probability: float = 0.6,
        burns_per_edge: float = 5.0,
        min_edges: int = 0,
        kept: int | None = None,
    ) -> None:
        criterion = partial(
            forest_fire,
            seed=seed,
            burn_probability=burn_probability,
            burns_per_edge=burns_per_edge,
        )
        super().__init__(criterion, sparsity, min_edges=min_edges, kept=kept)


class SCAN(ScoreSparsifier):
    """Keeps edges inside structural clusters.

    By the similarity of `"SCAN: A Structural Clustering Algorithm for Networks"
    <https://dl.acm.org/doi/10.1145/1281192.1281280>`_ (KDD 2007); see
    :func:`~graphllm.sparsify.criteria.scan`.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self, sparsity: float, min_edges: int = 0, kept: int | None = None
    ) -> None:
        super().__init__(scan, sparsity, min_edges=min_edges, kept=kept)


class LocalSimilarity(ScoreSparsifier):
    r"""Keeps edges to the most similar of the neighbours.

    From `"Local Graph Sparsification for Scalable Clustering"
    <https://dl.acm.org/doi/10.1145/1989323.1989399>`_ (SIGMOD 2011): every node wants
    the :math:`d_i^{\alpha}` neighbours with the largest Jaccard similarity, and an
    edge stays if either end wants it. The exponent is the one at which the budget is
    met; see :func:`~graphllm.sparsify.criteria.local_similarity`.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self, sparsity: float, min_edges: int = 0, kept: int | None = None
    ) -> None:
        super().__init__(local_similarity, sparsity, min_edges=min_edges, kept=kept)


class Jaccard(ScoreSparsifier):
    """Keeps edges between nodes that have their neighbours in common.

    The global variant of `"Local Graph Sparsification for Scalable Clustering"
    <https://dl.acm.org/doi/10.1145/1989323.1989399>`_ (SIGMOD 2011); see
    :func:`~graphllm.sparsify.criteria.jaccard`.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self, sparsity: float, min_edges: int = 0, kept: int | None = None
    ) -> None:
        super().__init__(jaccard, sparsity, min_edges=min_edges, kept=kept)


class EffectiveResistance(ScoreSparsifier):
    r"""Samples edges with probabilities proportional to their resistance.

    After `"Graph Sparsification by Effective Resistances"
    <https://arxiv.org/abs/0803.0929>`_ (2008), without replacement: one edge after the
    other is drawn among those that are left, with probability proportional to
    :math:`R_e`. That is the same as keeping the largest

    .. math::
        \log R_e - \log(-\log u_e), \qquad u_e \sim \mathcal{U}(0, 1)

    .. note::
        The paper draws with replacement and gives an edge the weight
        :math:`1 / p_e` for each time it is drawn, so that the Laplacian is right on
        average. Here an edge is kept or removed and weighs what it did.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        method (str, optional): How resistances are computed, see
            :func:`~graphllm.sparsify.criteria.effective_resistance`.
            (default: :obj:`"degree"`)
        seed (int, optional): Seed of the sample. (default: :obj:`0`)
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self,
        sparsity: float,
        method: Method = "degree",
        seed: int = 0,
        min_edges: int = 0,
        kept: int | None = None,
    ) -> None:
        criterion = partial(_gumbel_resistance, method=method, seed=seed)
        super().__init__(criterion, sparsity, min_edges=min_edges, kept=kept)


class FeatureCosine(ScoreSparsifier):
    """Keeps edges between nodes whose features point the same way.

    See :func:`~graphllm.sparsify.criteria.feature_cosine`.

    Args:
        sparsity (float): Share of the edges that is *removed*.
        min_edges (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`0`)
        kept (int, optional): See :class:`ScoreSparsifier`. (default: :obj:`None`)
    """

    def __init__(
        self, sparsity: float, min_edges: int = 0, kept: int | None = None
    ) -> None:
        super().__init__(feature_cosine, sparsity, min_edges=min_edges, kept=kept)


def _gumbel_resistance(
    edge_index: Tensor,
    num_nodes: int,
    x: Tensor | None = None,
    *,
    method: Method,
    seed: int,
) -> Tensor:
    """Logarithm of the resistance plus Gumbel noise, one draw for both directions."""
    resistance = effective_resistance(
        edge_index, num_nodes, x, method=method, seed=seed
    )
    uniform = random_score(edge_index, num_nodes, x, seed=seed).double()
    # The numbers are multiples of 2^-24: half a step off zero.
    noise = -torch.log(-torch.log(uniform + 2.0**-25))
    return resistance.double().log() + noise

"""The arms of the MoG experiment: what thins the graph, and how far."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn
from torch_geometric.data import Data

from graphllm.sparsify.base import Sparsifier
from graphllm.sparsify.baselines import (
    SCAN,
    EffectiveResistance,
    FeatureCosine,
    ForestFire,
    Jaccard,
    LocalDegree,
    LocalSimilarity,
    RandomSparsifier,
)
from graphllm.sparsify.criteria import (
    Criterion,
    degree,
    effective_resistance,
    feature_cosine,
    gradient_magnitude,
    jaccard,
    local_degree,
    local_similarity,
    prediction_agreement,
    random_score,
    scan,
)
from graphllm.sparsify.learned_mask import LearnedMask
from graphllm.sparsify.mixing import Mix
from graphllm.sparsify.mog import MoG
from graphllm.sparsify.score_sparsifier import ScoreSparsifier
from graphllm.sparsify.sparsified import SparsifiedGNN

#: Edge criteria by name; others are made of the network, see :func:`criteria_of`.
CRITERIA: Mapping[str, Criterion] = {
    "degree": degree,
    "jaccard": jaccard,
    "effective_resistance": effective_resistance,
    "local_degree": local_degree,
    "local_similarity": local_similarity,
    "scan": scan,
    "feature_cosine": feature_cosine,
}
#: Criteria that ask the network, once it is warm.
TRAINED: Mapping[str, Callable[[nn.Module], Criterion]] = {
    "gradient": gradient_magnitude,
    "agreement": prediction_agreement,
}
CRITERION_NAMES = (*CRITERIA, *TRAINED)
#: Sparsifiers that look at the graph alone, made for a sparsity, a seed and a count.
SCORES: Mapping[str, Callable[[float, int, int | None], Sparsifier]] = {
    "random": lambda s, seed, kept: RandomSparsifier(s, seed=seed, kept=kept),
    "random_capped": lambda s, seed, kept: ScoreSparsifier(
        partial(random_score, seed=seed),
        s,
        scope="node",
        symmetric=False,
        min_edges=1,
        kept=kept,
    ),
    "local_degree": lambda s, seed, kept: LocalDegree(s, kept=kept),
    "forest_fire": lambda s, seed, kept: ForestFire(s, seed=seed, kept=kept),
    "scan": lambda s, seed, kept: SCAN(s, kept=kept),
    "local_similarity": lambda s, seed, kept: LocalSimilarity(s, kept=kept),
    "effective_resistance": lambda s, seed, kept: EffectiveResistance(
        s, seed=seed, kept=kept
    ),
    "jaccard": lambda s, seed, kept: Jaccard(s, kept=kept),
    "feature_cosine": lambda s, seed, kept: FeatureCosine(s, kept=kept),
}
BASELINES = (*SCORES, "ugs")
MIX_ARMS: Mapping[Mix, str] = {
    "grassmann": "mog",
    "vote": "mog_vote",
    "gated_mean": "mog_gated_mean",
}
DENSE, REFIT, SINGLE = "dense", "mog_refit", "single_"

NOTES = {
    DENSE: "Baseline: the same network on the whole graph.",
    "random": "Control: as many edges as MoG keeps, drawn at random for each seed.",
    "random_capped": (
        "Control: random edges too, but of each node as many as MoG would keep if all "
        "nodes asked alike: hubs give theirs first, and nobody is left without one. "
        "What MoG gains over it is due to choosing edges well."
    ),
    "local_degree": "Keeps the edges to each node's neighbours of highest degree.",
    "forest_fire": "Keeps the edges that random fires burn most often.",
    "scan": "Keeps the edges whose ends have the most alike neighbourhoods (SCAN).",
    "local_similarity": "Keeps each node's edges to its most alike neighbours.",
    "effective_resistance": "Draws edges by their effective resistance.",
    "jaccard": "Keeps the edges whose ends share most of their neighbours.",
    "feature_cosine": "Keeps the edges whose ends have the most alike features.",
    "ugs": "One learned number an edge, trained with the network.",
    "mog": "The method: each node's experts are mixed on the Grassmann manifold.",
    "mog_vote": "The same experts, mixed by a vote weighted by the gates.",
    "mog_gated_mean": "The same experts, their masked scores averaged by the gates.",
    REFIT: (
        "The same network trained afresh on the graph that MoG left: the quality of "
        "the graph, apart from training it together with the network."
    ),
}


@dataclass(frozen=True)
class Joint:
    """A sparsifier that is trained together with the network.

    Args:
        family (str): Name of the arm without its sparsity.
        sparsity (float): Share of the edges removed.
        criteria (tuple[str, ...]): Of :obj:`CRITERION_NAMES`; none for ``ugs``.
        levels (tuple[float, ...]): Sparsities of the experts.
        k (int): Experts a node.
        mix (str): ``"grassmann"``, ``"vote"`` or ``"gated_mean"``.
        interval (int): Steps from one mix to the next, and epochs from one validation
            to the next.
        balance (float): Weight of importance and of load in the loss.
    """

    family: str
    sparsity: float
    criteria: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    k: int = 1
    mix: Mix = "vote"
    interval: int = 1
    balance: float = 0.0

    @property
    def experts(self) -> list[str]:
        """Name of every expert, in the order of the gates."""
        return [f"{name} {s:.2g}" for name in self.criteria for s in self.levels]


def levels_around(sparsity: float) -> tuple[float, ...]:
    """Sparsities of the experts: a fifth below the target, at it and a fifth above.

    Args:
        sparsity (float): The target, share of the edges removed.
    """
    return (0.8 * sparsity, sparsity, min(1.2 * sparsity, max(0.9, sparsity)))


def joint_arms(
    sparsity: float,
    mixes: Sequence[Mix],
    criteria: Sequence[str],
    *,
    k: int,
    interval: int,
    singles: bool,
    balance: float = 0.0,
) -> list[Joint]:
    """MoG with each mix and, with ``singles``, each criterion alone.

    Args:
        sparsity (float): Share of the edges removed.
        mixes (Sequence[str]): Ways to mix.
        criteria (Sequence[str]): Names of the criteria.
        k (int): Experts a node.
        interval (int): See :class:`Joint`.
        singles (bool): Whether to add one expert of one criterion and one sparsity,
            ``single_NAME``, for every criterion.
        balance (float, optional): See :class:`Joint`. (default: :obj:`0.0`)
    """
    levels = levels_around(sparsity)
    arms = [
        Joint(
            *(MIX_ARMS[mix], sparsity, tuple(criteria), levels, k, mix, interval),
            balance,
        )
        for mix in mixes
    ]
    if singles:
        arms += [
            Joint(SINGLE + name, sparsity, (name,), (sparsity,), interval=interval)
            for name in criteria
        ]
    return arms


def criteria_of(joint: Joint, gnn: nn.Module) -> list[Criterion]:
    """Its edge criteria, some of them asking this network."""
    return [
        TRAINED[name](gnn) if name in TRAINED else CRITERIA[name]
        for name in joint.criteria
    ]


def sparsified(
    joint: Joint, gnn: nn.Module, data: Data, seed: int = 0, kept: int | None = None
) -> SparsifiedGNN:
    """The network with its sparsifier, freshly initialised.

    Args:
        joint (Joint): What to build.
        gnn (torch.nn.Module): The network.
        data (Data): The graph, of which ``ugs`` learns the edges.
        seed (int, optional): Seed of the first mask of ``ugs``. (default: :obj:`0`)
        kept (int, optional): Edges that ``ugs`` keeps, in the place of its sparsity.
    """
    if joint.family == "ugs":
        mask = LearnedMask(data.edge_index, joint.sparsity, kept=kept, seed=seed)
        return SparsifiedGNN(gnn, mask)
    return MoG(
        gnn,
        criteria=criteria_of(joint, gnn),
        sparsities=joint.levels,
        k=joint.k,
        in_channels=data.x.size(1),
        sparsity=joint.sparsity,
        mix=joint.mix,
        mix_interval=joint.interval,
        balance=(joint.balance, joint.balance),
    )

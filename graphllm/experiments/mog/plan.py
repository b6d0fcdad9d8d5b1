"""Which arms the MoG experiment has."""

from dataclasses import dataclass

from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.experiments.mog.arms import (
    BASELINES,
    CRITERION_NAMES,
    MIX_ARMS,
    REFIT,
    SINGLE,
    Joint,
    joint_arms,
)
from graphllm.sparsify.mixing import Mix

CRITERIA = ("degree", "jaccard", "effective_resistance", "gradient", "agreement")


@dataclass(frozen=True)
class Plan:
    """Which arms there are; names are checked, and sparsities are in order.

    Args:
        sparsities (tuple[float, ...]): Shares of the edges removed.
        criteria (tuple[str, ...]): Edge criteria of MoG.
        baselines (tuple[str, ...]): Other ways to thin the graph.
        mixes (tuple[str, ...]): Ways to mix MoG's experts. How many edges the first
            one keeps is what every other arm keeps, and its graph is what
            ``mog_refit`` learns on.
        k (int): Experts a node.
        interval (int): Steps from one mix to the next, and epochs from one validation
            to the next.
        singles (bool): Whether each criterion has an arm of its own.
        refit (bool): Whether there is ``mog_refit``.
        balance (float): Weight of the loss that spreads the nodes over the experts.
            The paper takes 0.01 or 0.1; without it MoG may trust one criterion
            everywhere, if that is the right one.

    Raises:
        UnknownNameError: If there is no such criterion, baseline or mix.
        BudgetError: If a sparsity is not between 0 and 1, or ``k`` too large.
        GraphLLMError: If there is nothing to compare.
    """

    sparsities: tuple[float, ...] = (0.1, 0.3, 0.5)
    criteria: tuple[str, ...] = CRITERIA
    baselines: tuple[str, ...] = BASELINES
    mixes: tuple[Mix, ...] = ("grassmann", "vote")
    k: int = 2
    interval: int = 5
    singles: bool = False
    refit: bool = True
    balance: float = 0.0

    def __post_init__(self) -> None:
        """Check what was given."""
        for kind, names, known in (
            ("criterion", self.criteria, CRITERION_NAMES),
            ("baseline", self.baselines, BASELINES),
            ("mix", self.mixes, MIX_ARMS),
        ):
            for name in names:
                if name not in known:
                    raise UnknownNameError(kind, name, known)
        for sparsity in self.sparsities:
            if not 0.0 < sparsity < 1.0:
                raise BudgetError(
                    "a sparsity is the share of edges that is removed, above 0 and "
                    f"below 1 (got {sparsity:g})"
                )
        if not self.sparsities or not self.families:
            raise GraphLLMError(
                "there is nothing to compare with the dense graph; give at least one "
                "sparsity and one way to thin the graph"
            )
        if (self.mixes or self.singles) and not self.criteria:
            raise GraphLLMError("MoG needs at least one edge criterion")
        experts = 3 * len(self.criteria)
        if self.mixes and not 1 <= self.k <= experts:
            raise BudgetError(
                f"'k' must be in [1, {experts}] (got {self.k}); there are {experts} "
                "experts, three sparsities a criterion"
            )
        if self.interval < 1:
            raise GraphLLMError(f"'interval' must be at least 1 (got {self.interval})")
        if not self.balance >= 0.0:
            raise GraphLLMError(f"'balance' must be 0 or more (got {self.balance:g})")

    def joint(self, sparsity: float) -> list[Joint]:
        """The arms of MoG at one sparsity."""
        return joint_arms(
            sparsity,
            self.mixes,
            self.criteria,
            k=self.k,
            interval=self.interval,
            singles=self.singles,
            balance=self.balance,
        )

    @property
    def families(self) -> list[str]:
        """Names of the arms without their sparsity, in the order of a report."""
        singles = [SINGLE + name for name in self.criteria] if self.singles else []
        mixes = [MIX_ARMS[mix] for mix in reversed(self.mixes)]
        refit = [REFIT] if self.refit and self.mixes else []
        return [*self.baselines, *singles, *mixes, *refit]

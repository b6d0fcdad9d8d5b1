"""The studies of ``graphllm ellagnn --study``: options in words, results out."""

from collections.abc import Sequence

from torch import Tensor
from torch_geometric.data import Data

from graphllm.cli.progress import Bars
from graphllm.enhance import Enhancer
from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.evaluate import Result
from graphllm.experiments import Ledger, Training
from graphllm.experiments.budget_curve import plan_budget_curve, run_budget_curve
from graphllm.experiments.llm_free import plan_llm_free
from graphllm.experiments.prompt_ablation import run_prompt_ablation
from graphllm.experiments.slices import run_slices
from graphllm.experiments.study import plan_study
from graphllm.llm import Estimate
from graphllm.selection import Selector, get_selector, parse_budget

STUDIES = ("budget", "prompts", "depth", "slices", "llm-free")


def check_study(name: str) -> str:
    """The name of a study, refused early where there is none.

    Raises:
        UnknownNameError: Listing the choices.
    """
    if name not in STUDIES:
        raise UnknownNameError("study", name, STUDIES)
    return name


def parse_selectors(text: str) -> dict[str, Selector]:
    """Selectors from a comma-separated list of names, by name.

    Raises:
        UnknownNameError: If there is no such selector.
        GraphLLMError: If the list is empty.
    """
    names = _words(text)
    if not names:
        raise GraphLLMError(
            f"'--selectors {text}' names no selector; give some, such as "
            "pagerank,degree"
        )
    return {name: get_selector(name) for name in names}


def parse_budgets(text: str) -> list[int | float]:
    """Budgets from a comma-separated list, ascending; see :func:`parse_budget`.

    Raises:
        BudgetError: If one is no number or out of range, or there is none above 0.
    """
    budgets = [parse_budget(word) for word in _words(text)]
    for budget in budgets:
        if budget < 0 or (isinstance(budget, float) and not budget <= 1):
            raise BudgetError(
                f"'--budgets {text}' has {budget:g}; give shares from 0 to 1 such as "
                "0.05, or counts without a dot such as 100"
            )
    if not any(budgets):
        raise BudgetError(
            f"'--budgets {text}' has none above 0; give some, such as 0,0.01,0.05"
        )
    if len({isinstance(budget, int) for budget in budgets if budget}) > 1:
        raise BudgetError(
            f"'--budgets {text}' mixes shares and counts; give one kind (1.0 is all)"
        )
    return sorted(set(budgets))


def budget_study(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    split: str,
    seeds: Sequence[int],
    training: Training,
    ledger: Ledger,
    bars: Bars,
    *,
    selectors: str,
    budgets: str,
    shuffled: bool = False,
) -> Result:
    """Accuracy against budget, one curve a selector."""
    return run_budget_curve(
        data,
        enhancer,
        x=x,
        selectors=parse_selectors(selectors),
        budgets=parse_budgets(budgets),
        split=split,
        seeds=seeds,
        training=training,
        ledger=ledger,
        progress=bars.update,
        shuffled=shuffled,
    )


def prompts_study(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    split: str,
    seeds: Sequence[int],
    training: Training,
    ledger: Ledger,
    bars: Bars,
) -> Result:
    """One arm a prompt of the enhancer, at the same nodes."""
    return run_prompt_ablation(
        data,
        enhancer,
        x=x,
        split=split,
        seeds=seeds,
        training=training,
        ledger=ledger,
        progress=bars.update,
    )


def slices_study(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    split: str,
    seeds: Sequence[int],
    training: Training,
    ledger: Ledger,
    bars: Bars,
) -> Result:
    """Where in the graph the language model helps."""
    return run_slices(
        data,
        enhancer,
        x=x,
        split=split,
        seeds=seeds,
        training=training,
        ledger=ledger,
        progress=bars.update,
    )


def plan(
    study: str,
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    split: str,
    seeds: Sequence[int],
    *,
    selectors: str,
    budgets: str,
) -> Estimate:
    """What a study would ask of the language model, before anything is asked."""
    if study == "llm-free":
        return plan_llm_free(data, enhancer, x, split, seeds)
    if study != "budget":
        return plan_study(data, enhancer, x, split, seeds)
    by_name, spent = parse_selectors(selectors), parse_budgets(budgets)
    return plan_budget_curve(data, enhancer, x, by_name, spent, split, seeds)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]

"""Which study ``graphllm ellagnn --study`` runs, with what options."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch_geometric.data import Data

from graphllm.cli import studies
from graphllm.cli.progress import Bars
from graphllm.data import apply_split
from graphllm.enhance import Enhancer
from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.evaluate import Result
from graphllm.experiments import Ledger, Training
from graphllm.experiments.depth import run_depth
from graphllm.experiments.ellagnn import require_answers
from graphllm.experiments.llm_free import run_llm_free
from graphllm.models import BACKBONES


@dataclass(frozen=True)
class StudyOptions:
    """Options that only some studies read, as typed.

    Args:
        selectors (str): Of the budget study.
        budgets (str): Of the budget study.
        depths (str): Of the depth study.
        backbones (str): Of the depth study.
    """

    selectors: str
    budgets: str
    depths: str
    backbones: str

    def check(self, study: str | None) -> None:
        """Refuse what cannot be read, before anything is loaded or asked.

        Raises:
            GraphLLMError: Saying which option and why.
        """
        if study is None:
            return
        studies.check_study(study)
        if study == "budget":
            studies.parse_selectors(self.selectors)
            studies.parse_budgets(self.budgets)
        if study == "depth":
            parse_depths(self.depths)
            parse_backbones(self.backbones)


def parse_depths(text: str) -> list[int]:
    """Numbers of layers, ascending.

    Raises:
        GraphLLMError: If one is no positive whole number.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdigit() and int(word) > 0 for word in words):
        raise GraphLLMError(
            f"'--depths {text}' must be positive whole numbers, such as 2,4,8"
        )
    return sorted({int(word) for word in words})


def parse_backbones(text: str) -> list[str]:
    """Names of networks; a ``_norm`` at the end adds batch normalisation.

    Raises:
        UnknownNameError: If there is no such network.
        GraphLLMError: If there is none at all.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    for name in names:
        if name.removesuffix("_norm") not in BACKBONES:
            raise UnknownNameError("backbone", name, BACKBONES)
    if not names:
        raise GraphLLMError("'--backbones' names no network, such as gcn,gcnii")
    return names


def run_study(
    study: str,
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    split: str,
    seeds: Sequence[int],
    training: Training,
    ledger: Ledger,
    bars: Bars,
    options: StudyOptions,
) -> Result:
    """Run one study to its end."""
    shared = (data, enhancer, x, split, seeds, training, ledger, bars)
    match study:
        case "budget":
            return studies.budget_study(
                *shared, selectors=options.selectors, budgets=options.budgets
            )
        case "prompts":
            return studies.prompts_study(*shared)
        case "slices":
            return studies.slices_study(*shared)
        case "llm-free":
            return run_llm_free(
                data,
                enhancer,
                x=x,
                split=split,
                seeds=seeds,
                training=training,
                ledger=ledger,
                progress=bars.update,
            )
    return _depth(*shared, options)


def _depth(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    split: str,
    seeds: Sequence[int],
    training: Training,
    ledger: Ledger,
    bars: Bars,
    options: StudyOptions,
) -> Result:
    graph = apply_split(data, split, seeds[0])
    enhanced = enhancer.run(graph, x, lambda done, n: bars.update("ask", done, n))
    require_answers(enhanced, enhancer, "chosen")
    return run_depth(
        graph,
        enhanced,
        depths=parse_depths(options.depths),
        backbones=parse_backbones(options.backbones),
        seeds=seeds,
        split=split,
        training=replace(training, batch_size=None),
        ledger=ledger,
        progress=bars.update,
    )

"""LLaGA and its controls on link prediction."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import LinkSplit, split_links
from graphllm.evaluate import Result
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.arm import Split, train_arm
from graphllm.experiments.llaga.checks import check_arms, check_graph
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.fresh_links import fresh_links
from graphllm.experiments.llaga.measures import (
    link_auc,
    link_numbers,
    named_link_metrics,
)
from graphllm.experiments.llaga.questions import link_questions
from graphllm.experiments.llaga.record import Runs, as_result
from graphllm.experiments.llaga.trained import LanguageModel
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.experiments.same_features import Control
from graphllm.experiments.same_features_links import (
    cosine_links,
    gnn_links,
    linear_probe_links,
)
from graphllm.graph_tokens import GraphTemplate, HopField
from graphllm.models.llaga.model import PadMode
from graphllm.prompts.graph_prompt import link_prompt

LINK_ARMS = ("llaga", "center_only", "gcn", "sage", "linear_probe", "cosine")


def run_llaga_links(
    data: Data,
    x: Tensor,
    llm: LanguageModel,
    template: GraphTemplate,
    *,
    seeds: Sequence[int] = (0,),
    training: LLaGATraining | None = None,
    arms: Sequence[str] = LINK_ARMS,
    domain: str = "generic",
    pad_mode: PadMode = "mask",
    max_eval: int | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Predict links with graph tokens, and with what they must be compared to.

    Links are split by :func:`graphllm.data.split_links`: no link that is learned from
    or scored is among the edges that tokens are made of, and
    :meth:`~graphllm.graph_tokens.NodeTokens.pairs` refuses one that is. Which training
    links are hidden and learned from changes every epoch
    (:func:`~graphllm.experiments.llaga.fresh_links.fresh_links`). A pair's score is the
    log-odds of yes against no. ``cosine`` ranks pairs by the cosine of their vectors,
    without any training: in graphs of texts, links join like with like.

    Args:
        data (Data): A text graph.
        x (Tensor): Vectors of the nodes' texts, :math:`(|V|, F)`.
        llm (LanguageModel): The frozen model.
        template (GraphTemplate): How nodes become sequences.
        seeds (Sequence[int], optional): Seeds of split, weights and order.
        training (LLaGATraining, optional): Optimisation.
        arms (Sequence[str], optional): Which to run, as for node classification.
            (default: all)
        domain (str, optional): Wording of the prompt. (default: :obj:`"generic"`)
        pad_mode (str, optional): See :class:`graphllm.LLaGA`.
        max_eval (int, optional): Validation pairs that are scored after each epoch, at
            most; test pairs are scored all. (default: all)
        folder (Path, optional): Where trainings are kept, finished or not.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms with AUC, average precision, hits@100 and MRR a seed.

    Raises:
        TextGraphError: If the graph cannot be used, or has too few links.
        EmbeddingError: If ``x`` does not fit the graph.
        UnknownNameError: If there is no such arm or domain.
    """
    check_graph(data, x)
    check_arms(arms, LINK_ARMS)
    training = training or LLaGATraining()
    ledger = Ledger(folder / "trainings.jsonl") if folder is not None else None
    prompt = link_prompt(domain)
    runs: Runs = {}
    for seed in seeds:
        split = split_links(data, seed=seed)
        seen = Data(x=x, edge_index=split.eval_edges)
        for arm in arms:
            if arm in ("llaga", "center_only"):
                used = template if arm == "llaga" else HopField(num_hops=0)
                judge = used.bind(x, split.eval_edges)
                train = fresh_links(used, x, split.eval_edges, prompt, seed=seed)
                val, test = (
                    link_questions(*part, prompt, judge)
                    for part in (split.val, split.test)
                )
                key = {"task": "lp", "graph": features_hash(seen)}
                val = val.draw(max_eval, seed)
                outcome = train_arm(
                    *(llm, used, x.size(1), Split((train,), val, test, key)),
                    *(training, link_auc, link_numbers),
                    pad_mode=pad_mode,
                    seed=seed,
                    folder=folder,
                    ledger=ledger,
                    progress=progress,
                )
            else:
                control = _control(arm, x, split, seed)
                metrics = named_link_metrics(control.val, control.test)
                outcome = {"metrics": metrics}
            runs.setdefault(arm, []).append(outcome)
    return as_result(
        *(data, "links-70-10-20", seeds, runs),
        baseline="gcn",
        curve="val_auc",
        config={
            **asdict(training),
            "task": "lp",
            "template": template.spec(),
            "pad_mode": pad_mode,
            "llm": llm.name,
            "domain": domain,
        },
    )


def _control(arm: str, x: Tensor, split: LinkSplit, seed: int) -> Control:
    if arm == "cosine":
        return cosine_links(x, split)
    if arm == "linear_probe":
        return linear_probe_links(x, split, seed=seed)
    return gnn_links(x, split, arm, seed=seed)

"""What ``graphllm ellagnn`` does, once its options are read."""

from types import SimpleNamespace
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from graphllm.cli import enhancing, setup, studies
from graphllm.cli.ellagnn_studies import StudyOptions, run_study
from graphllm.cli.progress import Bars
from graphllm.enhance import Enhancer
from graphllm.enhance.encoded import Encoder
from graphllm.experiments import Ledger, Training, plan_ellagnn, run_ellagnn
from graphllm.llm import LLM
from graphllm.selection import Pool, Selector, get_selector, parse_budget


def run(given: SimpleNamespace) -> Any:
    """Run the experiment or the study, or plan it.

    Everything that can be refused is refused before anything is loaded or asked.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.ellagnn.ellagnn`.

    Returns:
        Result or Estimate: The latter with ``dry_run``.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    selector, budget = get_selector(given.selector), parse_budget(given.budget)
    limits = setup.spending(
        given.max_calls, given.max_tokens, given.max_cost, given.price
    )
    training = _training(given)
    options = StudyOptions(
        given.selectors, given.budgets, given.depths, given.backbones
    )
    options.check(given.study)
    enhancing.check_neighbors(given.neighbors)
    enhancing.free_neighbors(given.inference_neighbors)
    setup.prompt_names(given.prompts)
    setup.check_out(given.out)
    asked = (given.llm, given.llm_model, given.concurrency, limits, given.cache)
    with Bars() as bars:
        data, split = setup.load_data(given.dataset, given.data_root, given.split, bars)
        data = setup.with_graph(data, given.graph)
        pool = setup.check_pool(
            data, split, budget, given.pool, given.layers, given.seeds
        )
        with enhancing.open_model(*asked, bars, data) as model:
            encoder, x = setup.encode_text(given.encoder, data, bars)
            enhancer = _enhancer(given, data, model, encoder, selector, budget, pool)
            if given.dry_run:
                return _plan(given, data, enhancer, x, split)
            shared = (data, enhancer, x, split, range(given.seeds), training)
            ledger = Ledger(given.out / "trainings.jsonl")
            if given.study is not None:
                result = run_study(given.study, *shared, ledger, bars, options)
            else:
                result = run_ellagnn(
                    data,
                    enhancer,
                    x=x,
                    split=split,
                    seeds=range(given.seeds),
                    training=training,
                    ledger=ledger,
                    progress=bars.update,
                )
            setup.record(result, vars(given), model, bars)
    return result


def _training(given: SimpleNamespace) -> Training:
    return setup.training(
        *(given.backbone, given.layers, given.hidden, given.dropout, given.fusion),
        *(given.lr, given.weight_decay, given.epochs, given.patience),
        *(given.batch_size, given.fan_out),
    )


def _enhancer(
    given: SimpleNamespace,
    data: Data,
    model: LLM,
    encoder: Encoder,
    selector: Selector,
    budget: int | float,
    pool: Pool,
) -> Enhancer:
    domain = setup.domain_of(data, given.domain)
    names = setup.prompt_names(given.prompts)
    prompts = enhancing.templates(given.llm, names, domain)
    return Enhancer(
        *(model, prompts, encoder, selector, budget),
        pool=pool,
        num_hops=given.layers,
        domain=domain,
        answer_weight=given.answer_weight,
        repair=given.repair,
        seed=given.selection_seed,
        neighbors=enhancing.neighbors(given.neighbors, domain),
        inference_neighbors=enhancing.free_neighbors(given.inference_neighbors),
    )


def _plan(
    given: SimpleNamespace, data: Data, enhancer: Enhancer, x: Tensor, split: str
) -> Any:
    each = range(given.seeds)
    if given.study is None:
        return plan_ellagnn(data, enhancer, x, split, each)
    # The depth study asks on the first split only.
    asked = each[:1] if given.study == "depth" else each
    return studies.plan(
        *(given.study, data, enhancer, x, split, asked),
        selectors=given.selectors,
        budgets=given.budgets,
    )

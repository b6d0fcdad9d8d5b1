"""``graphllm ellagnn``: the E-LLaGNN experiment end to end."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from graphllm.cli import options as opt
from graphllm.cli.progress import Bars

if TYPE_CHECKING:
    from graphllm.evaluate import Result
    from graphllm.llm import Estimate


def ellagnn(
    dataset: opt.Dataset = "pydocs",
    backbone: opt.Backbone = "sage",
    layers: opt.Layers = 2,
    selector: opt.Selector = "pagerank",
    budget: opt.Budget = "0.05",
    pool: opt.Pool = "train+neighbors",
    prompts: opt.Prompts = "expand",
    domain: opt.Domain = None,
    llm: opt.Llm = "smollm2",
    llm_model: opt.LlmModel = None,
    concurrency: opt.Concurrency = None,
    encoder: opt.Encoder = "minilm",
    seeds: opt.Seeds = 5,
    split: opt.Split = None,
    fusion: opt.Fusion = "random_view",
    answer_weight: opt.AnswerWeight = 0.5,
    hidden: opt.Hidden = 128,
    dropout: opt.Dropout = 0.5,
    lr: opt.LearningRate = 0.01,
    weight_decay: opt.WeightDecay = 5e-4,
    epochs: opt.Epochs = 300,
    patience: opt.Patience = 50,
    selection_seed: opt.SelectionSeed = 0,
    repair: opt.Repair = False,
    max_calls: opt.MaxCalls = None,
    max_tokens: opt.MaxTokens = None,
    max_cost: opt.MaxCost = None,
    price: opt.PriceOption = None,
    cache: opt.Cache = None,
    data_root: opt.DataRoot = None,
    out: opt.Out = Path("runs/ellagnn"),
    dry_run: opt.DryRun = False,
    json_: opt.Json = False,
) -> None:
    """E-LLaGNN and its controls: an LLM enriches a small share of the nodes.

    Arms: plain (no LLM), random (nodes), shuffled (answers of other nodes), ellagnn
    (LLM-free when predicting), ellagnn_llm_at_test, oracle (full texts, if any).
    """
    arguments = dict(locals())
    # torch and PyG load only now: --help stays quick.
    from graphllm.cli import setup
    from graphllm.enhance import Enhancer
    from graphllm.experiments import Ledger, plan_ellagnn, run_ellagnn
    from graphllm.selection import get_selector, parse_budget

    chosen, spent = get_selector(selector), parse_budget(budget)
    limits = setup.spending(max_calls, max_tokens, max_cost, price)
    training = setup.training(
        backbone, layers, hidden, dropout, fusion, lr, weight_decay, epochs, patience
    )
    names = setup.prompt_names(prompts)
    setup.check_out(out)
    with Bars() as bars:
        data, split = setup.load_data(dataset, data_root, split, bars)
        where = setup.check_pool(data, split, spent, pool, layers, seeds)
        with setup.open_llm(llm, llm_model, concurrency, limits, cache, bars) as model:
            encode, x = setup.encode_text(encoder, data, bars)
            enhancer = Enhancer(
                *(model, names, encode, chosen, spent),
                pool=where,
                num_hops=layers,
                domain=setup.domain_of(data, domain),
                answer_weight=answer_weight,
                repair=repair,
                seed=selection_seed,
            )
            if dry_run:
                plan = plan_ellagnn(data, enhancer, x, split, range(seeds))
                return show_plan(plan, json_)
            result = run_ellagnn(
                data,
                enhancer,
                x=x,
                split=split,
                seeds=range(seeds),
                training=training,
                ledger=Ledger(out / "trainings.jsonl"),
                progress=bars.update,
            )
            setup.record(result, arguments, model, bars)
    finish(result, out, json_)


def show_plan(estimate: "Estimate", as_json: bool) -> None:
    """Print what a run would cost."""
    typer.echo(json.dumps(asdict(estimate)) if as_json else str(estimate))


def finish(result: "Result", out: Path, as_json: bool) -> None:
    """Write result.json and report.html; print the table or the JSON."""
    from rich.console import Console

    from graphllm.report import arms_table, write_report

    path = result.save(out / "result.json")
    report = write_report(result, out)
    if as_json:
        sys.stdout.write(path.read_text(encoding="utf-8"))
        return
    Console().print(arms_table(result))
    typer.echo(f"result: {path}")
    typer.echo(f"report: {report}")

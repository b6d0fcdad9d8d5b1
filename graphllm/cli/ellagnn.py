"""``graphllm ellagnn``: the E-LLaGNN experiment end to end."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import typer

from graphllm.cli import options as opt

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
    neighbors: opt.Neighbors = "similarity",
    inference_neighbors: opt.InferenceNeighbors = "uniform",
    hidden: opt.Hidden = 128,
    dropout: opt.Dropout = 0.5,
    lr: opt.LearningRate = 0.01,
    weight_decay: opt.WeightDecay = 5e-4,
    epochs: opt.Epochs = 300,
    patience: opt.Patience = 50,
    batch_size: opt.BatchSize = None,
    fan_out: opt.FanOut = "15,10",
    study: opt.Study = None,
    selectors: opt.Selectors = "pagerank,degree,cluster-distance,uncertainty",
    budgets: opt.Budgets = "0,0.01,0.025,0.05,0.1,0.2,0.5,1.0",
    depths: opt.Depths = "2,4,8,16,32,64",
    backbones: opt.Backbones = "gcn,resgcn,gcnii",
    selection_seed: opt.SelectionSeed = 0,
    repair: opt.Repair = False,
    max_calls: opt.MaxCalls = None,
    max_tokens: opt.MaxTokens = None,
    max_cost: opt.MaxCost = None,
    price: opt.PriceOption = None,
    cache: opt.Cache = None,
    data_root: opt.DataRoot = None,
    graph: opt.Graph = None,
    out: opt.Out = Path("runs/ellagnn"),
    dry_run: opt.DryRun = False,
    json_: opt.Json = False,
) -> None:
    """E-LLaGNN and its controls: an LLM enriches a small share of the nodes.

    Arms: plain (no LLM), random (nodes), shuffled (answers of other nodes), ellagnn
    (LLM-free when predicting), ellagnn_llm_at_test, oracle (full texts, if any).
    With --study, one of the larger experiments instead.
    """
    given = SimpleNamespace(**locals())
    # torch and PyG load only now: --help stays quick.
    from graphllm.cli.ellagnn_run import run

    outcome = run(given)
    if dry_run:
        return show_plan(outcome, json_)
    finish(outcome, out, json_)


def show_plan(estimate: "Estimate", as_json: bool) -> None:
    """Print what a run would cost."""
    typer.echo(json.dumps(asdict(estimate)) if as_json else str(estimate))


def finish(result: "Result", out: Path, as_json: bool) -> None:
    """Write result.json and report.html; print the table or the JSON."""
    from rich.console import Console

    from graphllm.report import summary_table, write_report

    path = result.save(out / "result.json")
    report = write_report(result, out)
    if as_json:
        sys.stdout.write(path.read_text(encoding="utf-8"))
        return
    Console().print(summary_table(result))
    typer.echo(f"result: {path}")
    typer.echo(f"report: {report}")

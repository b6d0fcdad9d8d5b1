"""``graphllm ladling``: the Graph Ladling experiment end to end."""

from pathlib import Path
from types import SimpleNamespace

from graphllm.cli import options as opt
from graphllm.cli.ellagnn import finish


def ladling(
    dataset: opt.Dataset = "pydocs",
    features: opt.Features = None,
    encoder: opt.Encoder = "minilm",
    backbone: opt.Backbone = "gcn",
    layers: opt.Layers = 2,
    norm: opt.Norm = "none",
    model: opt.Model = "gnn",
    ingredients: opt.Ingredients = 10,
    methods: opt.Methods = None,
    granularity: opt.Granularity = 11,
    runner: opt.RunnerName = None,
    workers: opt.Workers = None,
    ray: opt.RayAddress = None,
    loader: opt.Loader = "full",
    batch_size: opt.SubgraphSize = None,
    fan_out: opt.LayerSizes = None,
    parts: opt.NumParts = None,
    parts_per_batch: opt.PartsPerBatch = None,
    seeds: opt.Repeats = 5,
    split: opt.Split = None,
    hidden: opt.Hidden = 64,
    dropout: opt.Dropout = 0.5,
    lr: opt.LearningRate = 0.01,
    weight_decay: opt.WeightDecay = 5e-4,
    epochs: opt.Epochs = 200,
    patience: opt.Patience = 50,
    eval_every: opt.EvalEvery = 1,
    sparsity: opt.Sparsity = 0.3,
    mix: opt.Mix = "vote",
    llm: opt.Llm = "smollm2",
    llm_model: opt.LlmModel = None,
    selector: opt.Selector = "pagerank",
    budget: opt.EnhancingBudget = "0.05",
    prompts: opt.Prompts = "expand",
    cache: opt.Cache = None,
    data_root: opt.DataRoot = None,
    out: opt.Out = Path("runs/ladling"),
    json_: opt.Json = False,
) -> None:
    """Graph Ladling and its controls: networks trained apart, merged into one.

    Arms: the ingredients themselves (mean_ingredient, best_by_validation,
    best_recalibrated), soups of them (uniform, greedy, gis, learned,
    partition_learned), their ensemble, and soups of networks that do not share their
    initial weights: different_init, which must fail, and different_init_gis.
    """
    given = SimpleNamespace(**locals())
    # torch and PyG load only now: --help stays quick.
    from graphllm.cli.ladling_run import run

    finish(run(given), out, json_)

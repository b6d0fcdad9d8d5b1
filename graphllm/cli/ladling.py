"""``graphllm ladling``: the Graph Ladling experiment end to end."""

from pathlib import Path
from types import SimpleNamespace

from graphllm.cli import ladling_options as own
from graphllm.cli import options as opt
from graphllm.cli.ellagnn import finish


def ladling(
    dataset: opt.Dataset = "pydocs",
    features: opt.Features = None,
    encoder: opt.Encoder = "minilm",
    backbone: opt.Backbone = "gcn",
    layers: opt.Layers = 2,
    norm: own.Norm = "none",
    model: own.Model = "gnn",
    ingredients: own.Ingredients = 10,
    methods: own.Methods = None,
    granularity: own.Granularity = 11,
    runner: own.RunnerName = None,
    workers: own.Workers = None,
    ray: own.RayAddress = None,
    loader: own.Loader = "full",
    batch_size: own.SubgraphSize = None,
    fan_out: own.LayerSizes = None,
    parts: own.NumParts = None,
    parts_per_batch: own.PartsPerBatch = None,
    seeds: own.Repeats = 5,
    split: opt.Split = None,
    hidden: opt.Hidden = 64,
    dropout: opt.Dropout = 0.5,
    lr: opt.LearningRate = 0.01,
    weight_decay: opt.WeightDecay = 5e-4,
    epochs: opt.Epochs = 200,
    patience: opt.Patience = 50,
    eval_every: own.EvalEvery = 1,
    sparsity: own.Sparsity = None,
    mix: own.Mix = None,
    llm: own.EnhancingLlm = None,
    llm_model: opt.LlmModel = None,
    selector: own.EnhancingSelector = None,
    budget: own.EnhancingBudget = None,
    prompts: own.EnhancingPrompts = None,
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

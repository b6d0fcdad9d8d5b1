"""``graphllm mog``: the MoG experiment end to end, or one sparse graph."""

import json
from pathlib import Path
from types import SimpleNamespace

import typer

from graphllm.cli import options as opt
from graphllm.cli.ellagnn import finish


def mog(
    dataset: opt.Dataset = "pydocs",
    features: opt.Features = None,
    encoder: opt.Encoder = "minilm",
    backbone: opt.Backbone = "gcn",
    layers: opt.Layers = 2,
    sparsity: opt.Sparsities = "0.1,0.3,0.5",
    mix: opt.Mix = None,
    criteria: opt.Criteria = "degree,jaccard,effective_resistance,gradient,agreement",
    k: opt.Experts = 2,
    interval: opt.Interval = 5,
    balance: opt.Balance = 0.0,
    arms: opt.SparseArms = None,
    seeds: opt.Seeds = 5,
    split: opt.Split = None,
    hidden: opt.Hidden = 64,
    dropout: opt.Dropout = 0.5,
    lr: opt.LearningRate = 0.01,
    weight_decay: opt.WeightDecay = 5e-4,
    epochs: opt.Epochs = 300,
    patience: opt.Patience = 50,
    data_root: opt.DataRoot = None,
    export: opt.Export = None,
    out: opt.Out = Path("runs/mog"),
    json_: opt.Json = False,
) -> None:
    """MoG and its controls: which edges can a GNN do without?

    Arms: dense (the whole graph) and, at each sparsity, other sparsifiers at the same
    number of edges, MoG with its mixes (mog, mog_vote) and the network trained afresh
    on MoG's graph (mog_refit). With --export, one sparse graph for other networks.
    """
    given = SimpleNamespace(**locals())
    # torch and PyG load only now: --help stays quick.
    from graphllm.cli.mog_run import run, write_graph

    if export is None:
        return finish(run(given), out, json_)
    facts = write_graph(given)
    if json_:
        return typer.echo(json.dumps(facts))
    typer.echo(
        f"sparse graph: {facts['graph']} ({facts['kept']:,} of {facts['edges']:,} "
        f"edges, validation accuracy {100 * facts['val_acc']:.1f} %)"
    )

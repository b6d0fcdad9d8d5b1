"""Options of ``graphllm ladling`` alone."""

from typing import Annotated

import typer

Repeats = Annotated[
    int, typer.Option("--seeds", "--repeats", min=1, help="Number of seeds.")
]
Model = Annotated[
    str,
    typer.Option(
        help="gnn; ellagnn (the GNN also trains on text that an LLM enriched); or mog "
        "(the GNN learns which edges it can do without)."
    ),
]
Ingredients = Annotated[int, typer.Option(min=2, help="Networks a soup.")]
Methods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        "--method",
        help="Comma-separated: uniform, greedy, gis, learned, partition_learned, "
        "ensemble, different_init, different_init_gis. [default: all]",
    ),
]
Granularity = Annotated[int, typer.Option(min=3, help="Grid of the interpolation.")]
RunnerName = Annotated[
    str | None,
    typer.Option(
        "--runner",
        help="vmap (all at once), inprocess (one by one), processes or ray. [default: "
        "vmap where it can, else inprocess; processes with --workers, ray with --ray]",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes, or processors of a Ray started here."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray", help="Of a Ray cluster, or auto for the one running here."),
]
Loader = Annotated[
    str,
    typer.Option(
        help="What an epoch trains on: full, neighbor, fastgcn, ladies, saint-node, "
        "saint-edge, saint-walk, cluster or random-parts."
    ),
]
SubgraphSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Training nodes a batch (neighbor, fastgcn, ladies); nodes, edges or "
        "walks a subgraph (saint). [default: the paper's, less on small graphs]",
    ),
]
LayerSizes = Annotated[
    str | None,
    typer.Option(
        "--fan-out",
        help="One number a layer: neighbours of a node (neighbor) or nodes "
        "(fastgcn, ladies). [default: 15,10,10,... and 512,512,...]",
    ),
]
NumParts = Annotated[
    int | None,
    typer.Option(
        "--parts",
        min=1,
        help="Parts of the graph (cluster, random-parts). [default: of some 50 nodes "
        "each, and 10]",
    ),
]
PartsPerBatch = Annotated[
    int | None,
    typer.Option(
        min=1, help="Parts a batch. [default: a fifth of them up to 20, and half]"
    ),
]
Norm = Annotated[str, typer.Option(help="Between the layers: none or batch_norm.")]
EvalEvery = Annotated[int, typer.Option(min=1, help="Epochs to each validation.")]

# Of a network around the GNN; without it they say nothing.
Sparsity = Annotated[
    float | None,
    typer.Option(help="Share of the edges removed, with --model mog. [default: 0.3]"),
]
Mix = Annotated[
    str | None,
    typer.Option(
        help="How it mixes its experts: vote, grassmann or gated_mean. [default: vote]"
    ),
]
EnhancingLlm = Annotated[
    str | None,
    typer.Option(
        "--llm",
        help="Who writes about nodes, with --model ellagnn, as in graphllm ellagnn. "
        "[default: smollm2]",
    ),
]
EnhancingSelector = Annotated[
    str | None,
    typer.Option("--selector", help="About which nodes, likewise. [default: pagerank]"),
]
EnhancingBudget = Annotated[
    str | None,
    typer.Option(
        "--budget", help="About how many: a share or a count. [default: 0.05]"
    ),
]
EnhancingPrompts = Annotated[
    str | None,
    typer.Option("--prompts", help="Names of the catalogue. [default: expand]"),
]

"""Options that several verbs share, declared once."""

from pathlib import Path
from typing import Annotated

import typer

# Help texts name the choices in words: importing the lists would load torch.
Dataset = Annotated[
    str, typer.Option(help="A name, or a directory of text-graph files.")
]
DataRoot = Annotated[
    Path | None,
    typer.Option(envvar="GRAPHLLM_DATA", help="Where data sets are looked for."),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="planetoid-public, random-60-20-20, random-20-30-per-class or file; "
        "default: the data's own, else random-20-30-per-class."
    ),
]
Seeds = Annotated[int, typer.Option(min=1, help="Number of seeds.")]
Backbone = Annotated[
    str,
    typer.Option(
        help="gcn, sage, gat, gin, mlp, gcnii, jknet, appnp, sgc, sign, pna or resgcn."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Train on sampled neighbourhoods of so many nodes. [default: whole graph]",
    ),
]
FanOut = Annotated[
    str, typer.Option(help="Neighbours drawn at each hop of a batch, such as 15,10.")
]
Layers = Annotated[int, typer.Option(min=1, help="Number of GNN layers.")]
Hidden = Annotated[int, typer.Option(min=1, help="Hidden channels.")]
Dropout = Annotated[float, typer.Option(min=0.0, max=0.99, help="Dropout.")]
LearningRate = Annotated[float, typer.Option(min=0.0, help="Learning rate of Adam.")]
WeightDecay = Annotated[float, typer.Option(min=0.0, help="L2 penalty.")]
Epochs = Annotated[int, typer.Option(min=1, help="Epochs at most.")]
Patience = Annotated[int, typer.Option(min=1, help="Epochs without improvement.")]

Selector = Annotated[
    str,
    typer.Option(
        help="Who is asked about: random, pagerank, degree, degree-low, "
        "degree-distribution, cluster-distance, cluster-distance-far, text-length, "
        "text-length-long, kcenter, featprop, age, density, graphpart, "
        "difficulty-pagerank, uncertainty, uncertainty-mc, low-homophily or "
        "disagreement."
    ),
]
Study = Annotated[
    str | None,
    typer.Option(
        help="Instead of one comparison: budget, prompts, depth, slices or llm-free."
    ),
]
Selectors = Annotated[
    str, typer.Option(help="Selectors of the budget study, comma-separated.")
]
Budgets = Annotated[
    str, typer.Option(help="Budgets of the budget study, comma-separated.")
]
Depths = Annotated[str, typer.Option(help="Numbers of layers of the depth study.")]
Backbones = Annotated[
    str, typer.Option(help="Networks of the depth study, comma-separated.")
]
Neighbors = Annotated[
    str,
    typer.Option(
        help="Whom enhanced nodes listen to: similarity, judge (the LLM picks), "
        "hybrid, or uniform."
    ),
]
InferenceNeighbors = Annotated[
    str, typer.Option(help="The same without an LLM: uniform or encoder.")
]
Budget = Annotated[
    str, typer.Option(help="A share such as 0.05, or a count such as 100.")
]
Pool = Annotated[str, typer.Option(help="Candidates: train, train+neighbors or all.")]
Prompts = Annotated[str, typer.Option(help="Comma-separated names of the catalogue.")]
Domain = Annotated[
    str | None,
    typer.Option(help="Wording: citation, product, wiki, software or generic."),
]
Llm = Annotated[
    str,
    typer.Option(
        help="smollm2, a .gguf file, a model directory, a hub name, http://HOST/v1, "
        "replay:FILE.jsonl, or oracle (full texts in its place)."
    ),
]
LlmModel = Annotated[
    str | None, typer.Option(help="Name of the model on an http server.")
]
Concurrency = Annotated[
    int | None,
    typer.Option(min=1, help="LLM requests at a time. [default: the backend's own]"),
]
Encoder = Annotated[
    str, typer.Option(help="minilm, tfidf, a model directory or a hub name.")
]
Fusion = Annotated[
    str,
    typer.Option(help="random_view, replace, mix, multi, gate or attention."),
]
AnswerWeight = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Share of the answer in a feature.")
]
SelectionSeed = Annotated[
    int, typer.Option(help="Seed of a random selector; the control draws anew a seed.")
]
Repair = Annotated[
    bool, typer.Option("--repair", help="Ask once more when an answer is malformed.")
]
MaxCalls = Annotated[int | None, typer.Option(help="Limit of LLM calls.")]
MaxTokens = Annotated[int | None, typer.Option(help="Limit of LLM tokens.")]
MaxCost = Annotated[float | None, typer.Option(help="Limit of money; needs --price.")]
PriceOption = Annotated[
    str | None,
    typer.Option(
        "--price", help="Money a million tokens: PROMPT,COMPLETION, such as 0.15,0.6."
    ),
]
Cache = Annotated[
    Path | None, typer.Option(help="File of the answer cache. [default: shared]")
]
Graph = Annotated[
    Path | None,
    typer.Option(
        help="Sparse graph of 'graphllm mog --export' in the place of the data's edges."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of the results.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would cost, and stop.")
]
Json = Annotated[
    bool, typer.Option("--json", help="The result as JSON on stdout, nothing else.")
]

# MoG.
Sparsities = Annotated[
    str, typer.Option("--sparsity", help="Shares of the edges removed, such as 0.3.")
]
Mix = Annotated[
    str | None,
    typer.Option(
        help="How MoG mixes its experts: grassmann, vote or gated_mean. [default: "
        "grassmann]"
    ),
]
Criteria = Annotated[
    str,
    typer.Option(
        help="Edge criteria of MoG: degree, jaccard, effective_resistance, gradient, "
        "agreement, local_degree, local_similarity, scan or feature_cosine."
    ),
]
Experts = Annotated[int, typer.Option("--k", min=1, help="Experts a node.")]
Interval = Annotated[
    int,
    typer.Option(
        min=1, help="Epochs from one validation and Grassmann mix to another."
    ),
]
Balance = Annotated[
    float,
    typer.Option(
        min=0.0, help="Weight of the loss that spreads nodes over the experts."
    ),
]
SparseArms = Annotated[
    str | None,
    typer.Option(
        "--arms",
        help="Beside dense, comma-separated: random, random_capped, local_degree, "
        "forest_fire, scan, local_similarity, effective_resistance, jaccard, "
        "feature_cosine, ugs, mog, mog_vote, mog_gated_mean, mog_refit, singles. "
        "[default: all but the mixes not asked for and singles]",
    ),
]
Features = Annotated[
    str | None,
    typer.Option(
        help="bow (the data's own x; Planetoid's words for cora, citeseer, pubmed) or "
        "text (encoded). [default: the data's own x where there is one]"
    ),
]
Export = Annotated[
    Path | None,
    typer.Option(
        help="Train MoG once, write the sparse graph (sparse.pt or edges.csv), stop."
    ),
]

# LLaGA.
AnyDataset = Annotated[
    str | None,
    typer.Option(help="A name, or a directory of text-graph files. [default: pydocs]"),
]
NodeSplit = Annotated[
    str | None,
    typer.Option(
        help="planetoid-public, random-60-20-20, random-20-30-per-class or file; "
        "default: the data's own, else random-60-20-20. Links are split 70-10-20."
    ),
]
Task = Annotated[
    str,
    typer.Option(help="nc (classify nodes), lp (predict links) or desc (describe)."),
]
GraphTemplate = Annotated[
    str,
    typer.Option(help="ho (a vector a hop) or nd (a tree of neighbours)."),
]
Hops = Annotated[int, typer.Option(min=1, help="Hops of the template ho.")]
HopNorm = Annotated[str, typer.Option(help="Weights of its hops: mean or sym.")]
TreeFanOut = Annotated[
    str, typer.Option("--fan-out", help="Neighbours a level of the template nd.")
]
TreeEncoding = Annotated[
    str,
    typer.Option(
        "--pe", help="Code of its positions: laplacian, legacy, onehot or none."
    ),
]
Resample = Annotated[
    bool, typer.Option("--resample", help="Draw its trees anew in each epoch.")
]
PadMode = Annotated[
    str, typer.Option(help="Empty positions of its trees: mask, zero or pe.")
]
TrainedLlm = Annotated[
    str,
    typer.Option(
        "--llm", help="smollm2, a model directory, a .gguf file or a hub name."
    ),
]
Dtype = Annotated[
    str, typer.Option(help="Of the LLM's weights: auto, float32 or bfloat16.")
]
Device = Annotated[
    str | None,
    typer.Option(help="Where the LLM runs. [default: an accelerator, else the CPU]"),
]
Arms = Annotated[
    str | None,
    typer.Option(
        help="Comma-separated: llaga, center_only, gcn, sage, linear_probe, "
        "llm_text_zero_shot (nc only), cosine (lp only). [default: all]"
    ),
]
QuestionsAStep = Annotated[
    int, typer.Option("--batch-size", min=1, help="Questions a training step.")
]
ProjectorLayers = Annotated[int, typer.Option(min=1, help="Layers of the projector.")]
ProjectorWidth = Annotated[
    int | None,
    typer.Option(
        "--hidden", min=1, help="Width between them. [default: that of the LLM]"
    ),
]
Standardize = Annotated[
    bool,
    typer.Option("--standardize", help="Inputs of the projector at variance one."),
]
LabelSmoothing = Annotated[
    float,
    typer.Option(
        min=0.0, max=0.99, help="Share of the target spread over all answers."
    ),
]
MaxEval = Annotated[
    int | None,
    typer.Option(
        min=2,
        help="Most nodes to describe (desc), to try (--test), or to validate on after "
        "each epoch (nc, lp). [default: 200, 500, all]",
    ),
]
TrainOn = Annotated[
    str | None,
    typer.Option("--train", help="Transfer: data sets to learn from, comma-separated."),
]
TestOn = Annotated[
    str | None,
    typer.Option("--test", help="Transfer: data sets never learned from."),
]

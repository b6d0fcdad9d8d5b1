"""``graphllm llaga``: the LLaGA experiment end to end."""

from pathlib import Path
from types import SimpleNamespace

from graphllm.cli import options as opt
from graphllm.cli.ellagnn import finish


def llaga(
    dataset: opt.AnyDataset = None,
    task: opt.Task = "nc",
    template: opt.GraphTemplate = "ho",
    hops: opt.Hops = 4,
    norm: opt.HopNorm = "mean",
    fan_out: opt.TreeFanOut = "10,10",
    pe: opt.TreeEncoding = "laplacian",
    resample: opt.Resample = False,
    pad_mode: opt.PadMode = "mask",
    llm: opt.TrainedLlm = "smollm2",
    dtype: opt.Dtype = "auto",
    device: opt.Device = None,
    encoder: opt.Encoder = "minilm",
    domain: opt.Domain = None,
    arms: opt.Arms = None,
    seeds: opt.Seeds = 1,
    split: opt.NodeSplit = None,
    epochs: opt.Epochs = 6,
    patience: opt.Patience = 4,
    lr: opt.LearningRate = 2e-3,
    weight_decay: opt.WeightDecay = 0.01,
    batch_size: opt.QuestionsAStep = 16,
    projector_layers: opt.ProjectorLayers = 2,
    hidden: opt.ProjectorWidth = None,
    dropout: opt.Dropout = 0.3,
    standardize: opt.Standardize = False,
    label_smoothing: opt.LabelSmoothing = 0.0,
    max_eval: opt.MaxEval = None,
    train: opt.TrainOn = None,
    test: opt.TestOn = None,
    data_root: opt.DataRoot = None,
    graph: opt.Graph = None,
    out: opt.Out = Path("runs/llaga"),
    json_: opt.Json = False,
) -> None:
    """LLaGA and its controls: a frozen LLM reads nodes as vectors.

    A projector is trained from node vectors to the LLM's input space; the LLM is not
    changed. Arms: llaga, center_only (no graph), gcn, sage and linear_probe (no LLM,
    same vectors), llm_text_zero_shot (no graph, no training). With --train and
    --test, one projector for several graphs, tried on others.
    """
    given = SimpleNamespace(**locals())
    # torch and PyG load only now: --help stays quick.
    from graphllm.cli.llaga_run import run

    finish(run(given), out, json_)

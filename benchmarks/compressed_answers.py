"""What does a compressed language model still do for a graph?

Cora, two tasks, the same nodes for every model:

* LLaGA. The projector of a run of ``graphllm llaga --dataset cora --task nc``, trained
  with the dense model, reads graphs into the compressed one: accuracy on the test nodes
  of that run, how often both models name the same class, answers in free text that are
  no class, tokens a second. Classes are scored in one pass over the prompt, where
  dynamic FFN-skip skips nothing: its row is that of the dense model by construction.
* E-LLaGNN. The model writes about random nodes; a GNN trains on that and predicts
  without it. Accuracy over seeds of the same split, cosine of what both models wrote
  about a node, answers that break their format, tokens a second. What skips in decoding
  is asked one by one: in a batch all sequences would have to be saturated.

Methods are calibrated on texts, without labels, of the training nodes of seed 0. A
model that is in the ledger is not run again.

    python benchmarks/compressed_answers.py --data-root data --llaga runs/llaga_cora
"""

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm import LLaGA
from graphllm.compress import (
    Calibration,
    CompressionConfig,
    FFNSkip,
    Int4,
    Int8,
    Wanda,
    WeLore,
    compress_,
)
from graphllm.data import apply_split
from graphllm.datasets import load_dataset
from graphllm.encode import encode_cached, load_encoder
from graphllm.enhance import Enhancer
from graphllm.evaluate import Result, environment, summary
from graphllm.experiments.describe import answer_statistics
from graphllm.experiments.ellagnn import Arm, Training, plain_graph, train_arm
from graphllm.experiments.llaga.questions import (
    Questions,
    node_questions,
    score_questions,
)
from graphllm.llm import TransformersLLM
from graphllm.llm.read_model import read_model
from graphllm.selection import get_selector

SPLIT, SEED = "random-60-20-20", 0
RESULTS = Path(__file__).parent / "results" / "compressed_answers.json"
MODELS: dict[str, CompressionConfig | None] = {
    "dense": None,
    "int8": Int8(),
    "int4": Int4(),
    "wanda 50 %": Wanda(0.5),
    "welore 30 %": WeLore(0.3),
    "ffn_skip dynamic": FFNSkip(),
    "ffn_skip static 10 %": FFNSkip("static", ratio=0.1),
}


def llaga_row(
    args: argparse.Namespace, llm: Any, tokenizer: Any, data: Data, x: Tensor
) -> dict[str, Any]:
    """Test accuracy of a projector that was trained for the dense model."""
    model, (prompt, *_) = LLaGA.load(checkpoint_of(args.llaga), llm, tokenizer)
    graph = apply_split(data, SPLIT, SEED)
    tokens = model.template.bind(x, data.edge_index)
    questions = node_questions(graph, graph.test_mask, prompt, tokens)
    began = time.perf_counter()
    scores = score_questions(model, questions)
    took = time.perf_counter() - began
    chosen = scores.argmax(1)
    written = free_text(model, questions.take(torch.arange(args.written)))
    return {
        "test_acc": float((chosen == questions.target).double().mean()),
        "chosen": chosen.tolist(),
        "scored_a_second": len(questions) / took,
        **written,
    }


def checkpoint_of(run: Path) -> Path:
    """The projector of the arm ``llaga`` in the folder of a run.

    Its split and seed are those whose test nodes are read here, or the projector would
    have been trained with their labels.
    """
    result = Result.load(run)
    told = result.dataset["name"], result.split, result.seeds
    if told != ("cora", SPLIT, [SEED]):
        raise SystemExit(f"'{run}' is of {told}; train on cora, {SPLIT}, --seeds 1")
    for folder in sorted(run.glob("llaga-*")):
        spec = json.loads((folder / "llaga.json").read_text("utf-8"))
        if spec["template"].get("num_hops") != 0:  # zero hops are center_only
            return folder
    raise SystemExit(f"'{run}' holds no trained LLaGA")


def free_text(model: LLaGA, questions: Questions) -> dict[str, Any]:
    """Answers decoded freely: how many are no class, and how fast."""
    batch = questions.batch(torch.arange(len(questions)))
    began = time.perf_counter()
    answers = model.eval().generate(batch.prompt, batch.tokens, max_new_tokens=16)
    took = time.perf_counter() - began
    size = sum(len(model.tokenizer(each)["input_ids"]) for each in answers)
    wrong = sum(each.strip() not in questions.prompt.candidates for each in answers)
    return {
        "format_failures": wrong / len(answers),
        "tokens_a_second": size / took,
        "answers": answers[:5],
    }


def ellagnn_row(
    args: argparse.Namespace,
    llm: Any,
    tokenizer: Any,
    data: Data,
    x: Tensor,
    encoder: Any,
) -> tuple[dict[str, Any], Tensor]:
    """Accuracy of a GNN that trained on what the model wrote; encoded answers."""
    skipper = getattr(llm, "ffn_skip", None)
    if skipper is not None:
        skipper.reset()
    alone = skipper is not None and skipper.plan.mode == "dynamic"
    backend = TransformersLLM(llm, tokenizer, batch_size=1 if alone else 16)
    selector = get_selector("random")
    enhancer = Enhancer(
        *(backend, [args.prompt], encoder, selector, args.nodes),
        pool="all",
        domain="citation",
    )
    began = time.perf_counter()
    told = enhancer.run(data, x)
    took = time.perf_counter() - began
    counts = answer_statistics(told)
    scores: dict[str, list[float]] = {"plain": [], "ellagnn": []}
    for seed in range(args.seeds):
        for name, graph in (
            ("plain", plain_graph(data, x, enhancer)),
            ("ellagnn", told),
        ):
            split = apply_split(graph, SPLIT, seed)
            fit = train_arm(Arm(split, {name: False}), seed, Training())
            scores[name].append(fit.scores[name].test_acc)
    answers = torch.full((data.num_nodes, x.size(1)), torch.nan)
    answers[told.llm_index] = told.x_answer
    row = {
        "test_acc": summary(scores["ellagnn"]),
        "plain": summary(scores["plain"]),
        "format_failures": 1 - counts["parsed"] / counts["asked"],
        "cosine_to_text": counts["cosine_to_text"],
        "tokens_a_second": backend.usage.completion_tokens / took,
        "skipped": None if skipper is None else skipper.share,
        "example": told.provenance[0].text,
    }
    return row, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--llaga", type=Path, required=True, help="folder of a run")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--nodes", type=int, default=100, help="written about")
    parser.add_argument("--written", type=int, default=64, help="LLaGA's free answers")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prompt", default="expand")
    parser.add_argument("--ledger", type=Path, help="models so far")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    ledger = args.ledger or args.out.with_suffix(".pt")
    asked = [args.nodes, args.written, args.seeds, args.prompt, str(args.llaga)]
    done: dict[str, Any] = {}
    if ledger.exists():
        before = torch.load(ledger, weights_only=True)
        done = before["rows"] if before["asked"] == asked else {}
    data = load_dataset("cora", args.data_root)
    encoder = load_encoder("minilm", progress=False)
    x = encode_cached(encoder, data.text)
    tokenizer, dense = read_model("smollm2", None, torch.device("cpu"))
    mask = apply_split(data, SPLIT, SEED).train_mask
    texts = [data.text[node] for node in mask.nonzero().squeeze(1).tolist()]
    calibration = Calibration.from_texts(texts, tokenizer, 32, 256)
    for name in args.models:
        if name in done:
            continue
        model = copy.deepcopy(dense)
        if (config := MODELS[name]) is not None:
            compress_(model, config, calibration)
        row: dict[str, Any] = {}
        row["llaga"] = llaga_row(args, model, tokenizer, data, x)
        print(name, row["llaga"], flush=True)
        row["ellagnn"], row["encoded"] = ellagnn_row(
            args, model, tokenizer, data, x, encoder
        )
        print(name, row["ellagnn"], flush=True)
        done[name] = row
        torch.save({"asked": asked, "rows": done}, ledger)
    write(args, done)


def write(args: argparse.Namespace, done: dict[str, Any]) -> None:
    """Compare each model with the dense one and write the result."""
    if "dense" not in done:
        raise SystemExit("the dense model is what others are compared with; run it too")
    base, rows = done["dense"], {}
    for name, row in ((name, done[name]) for name in MODELS if name in done):
        llaga = {k: v for k, v in row["llaga"].items() if k != "chosen"}
        pairs = zip(row["llaga"]["chosen"], base["llaga"]["chosen"], strict=True)
        llaga["same_class"] = sum(a == b for a, b in pairs) / len(
            row["llaga"]["chosen"]
        )
        cosine = F.cosine_similarity(row["encoded"], base["encoded"])
        known = ~cosine.isnan()
        ellagnn = {**row["ellagnn"], "cosine_to_dense": float(cosine[known].mean())}
        rows[name] = {"llaga": llaga, "ellagnn": ellagnn}
    config = {
        "nodes": args.nodes,
        "written": args.written,
        "seeds": args.seeds,
        "prompt": args.prompt,
        "llaga": Result.load(args.llaga).config["command"],
    }
    record = {"config": config, "rows": rows, "environment": environment()}
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"result: {args.out}")


if __name__ == "__main__":
    main()

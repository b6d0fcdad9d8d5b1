"""MoG on whole graphs: molecules and proteins, classified on fewer edges.

ogbg-molbace and ogbg-molbbbp with OGB's scaffold split and evaluator (ROC-AUC), and
PROTEINS of TUDataset (its cleaned archive) with 80/10/10 % of every class, drawn anew
for each seed (accuracy). Embedded atoms or attributes, three layers of GIN or PNA, a
pool and a linear layer; edge features are not read. At each sparsity MoG mixed on the
Grassmann manifold and by vote, and as many edges drawn at random; every arm of a seed
starts from the same parameters, and validation chooses the epoch.

    python benchmarks/mog_graphs.py --data-root data
    python benchmarks/mog_graphs.py --data-root data --smoke --out smoke.json
"""

import argparse
import json
from pathlib import Path

from graphllm.evaluate import environment, paired_difference, summary
from graphllm.experiments.mog.graph_level import run_graph_level
from graphllm.experiments.mog.graph_readers import MOLECULES, ogb_graphs, tu_graphs
from graphllm.experiments.mog.graph_sets import GraphSet
from graphllm.experiments.mog.graph_training import GraphTraining

RESULTS = Path(__file__).parent / "results"
SETS = ("ogbg-molbace", "ogbg-molbbbp", "PROTEINS")


def read(name: str, data_root: Path | None) -> GraphSet:
    """The set of that name."""
    return (ogb_graphs if name in MOLECULES else tu_graphs)(name, data_root)


def measure(args: argparse.Namespace, graphs: GraphSet) -> list[dict]:
    """The rows of one set."""
    found = run_graph_level(
        graphs,
        seeds=range(args.seeds),
        training=GraphTraining(args.backbone, epochs=args.epochs),
        sparsities=args.sparsity,
        progress=lambda stage, done, steps: print(
            f"{graphs.name}: {done} of {steps} trainings", flush=True
        ),
    )
    rows = []
    for arm, numbers in found.items():
        row = {"set": graphs.name, "metric": graphs.metric, "arm": arm}
        row |= {name: summary(values) for name, values in numbers.items()}
        others = {"dense": "dense", "random": f"random@{arm.partition('@')[2]}"}
        for name, other in others.items():
            if other in found and other != arm:
                control = found[other]["test"]
                row[f"over_{name}"] = paired_difference(numbers["test"], control)
        rows.append(row)
    return rows


def table(rows: list[dict]) -> str:
    """The rows in Markdown."""
    lines = [
        "| set | arm | kept % | test | over dense | over random | CPU s an epoch |",
        "|:--|:--|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        test = row["test"]
        cells = [
            f"{100 * row['kept']['mean']:.1f}",
            f"{100 * test['mean']:.1f} ± {100 * test['std']:.1f}",
        ]
        for name in ("over_dense", "over_random"):
            lift = row.get(name)
            cells.append("" if lift is None else points(lift))
        cells.append(f"{row['cpu_seconds']['mean']:.2f}")
        name = f"{row['set']} ({row['metric']})"
        lines.append(f"| {name} | {row['arm']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def points(lift: dict) -> str:
    """A paired difference in points, with its interval where there is one."""
    shown = f"{100 * lift['mean']:+.1f}"
    if lift["n"] > 1:
        shown += f" [{100 * lift['low']:+.1f}, {100 * lift['high']:+.1f}]"
    return shown


def save(args: argparse.Namespace, rows: list[dict]) -> None:
    """Write what there is so far."""
    places = {"out": args.out.name, "data_root": None}
    for row in rows:
        for lift in (row.get("over_dense"), row.get("over_random")):
            if lift is not None and lift["n"] == 1:
                lift |= {"low": None, "high": None}
    record = {
        "arguments": vars(args) | places,
        "training": vars(GraphTraining(args.backbone, epochs=args.epochs)),
        "rows": rows,
        "environment": environment(),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), metavar="NAME")
    parser.add_argument("--data-root", type=Path, help="folder with ogb/ and tu/")
    parser.add_argument("--backbone", default="gin", choices=["gin", "pna"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--sparsity", type=float, nargs="+", default=[0.1, 0.3, 0.5], metavar="SHARE"
    )
    parser.add_argument("--epochs", type=int, default=GraphTraining().epochs)
    parser.add_argument(
        "--smoke", action="store_true", help="first set, one sparsity, two epochs"
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.smoke:
        args.sets, args.sparsity = args.sets[:1], args.sparsity[-1:]
        args.seeds, args.epochs = 1, 2
        if args.out is None:
            parser.error("a smoke test is no result; name a file with --out")
    args.out = args.out or RESULTS / f"mog_graphs_{args.backbone}.json"
    rows: list[dict] = []
    for name in args.sets:
        rows += measure(args, read(name, args.data_root))
        save(args, rows)
    print(table(rows))
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()

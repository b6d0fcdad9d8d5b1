"""What ``graphllm mog`` does, once its options are read."""

from types import SimpleNamespace
from typing import Any, cast

from graphllm.cli import setup
from graphllm.cli.features import check_features, opened
from graphllm.cli.setup import names_of, one_of
from graphllm.data import write_sparse_graph
from graphllm.errors import GraphLLMError
from graphllm.evaluate import Result
from graphllm.experiments import Ledger, Training
from graphllm.experiments.describe import encoder_name
from graphllm.experiments.mog import (
    BASELINES,
    MIX_ARMS,
    Mix,
    Plan,
    run_mog,
    thin_graph,
)

SINGLES, REFIT = "singles", "mog_refit"


def run(given: SimpleNamespace) -> Result:
    """Run the experiment.

    Everything that can be refused is refused before anything is loaded.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.mog.mog`.

    Returns:
        Result: With arguments, command and times.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    plan, training = plan_of(given), _training(given)
    with opened(given) as parts:
        result = run_mog(
            parts.data,
            x=parts.x,
            split=parts.split,
            seeds=range(given.seeds),
            training=training,
            sparsities=plan.sparsities,
            criteria=plan.criteria,
            baselines=plan.baselines,
            mixes=plan.mixes,
            k=plan.k,
            interval=plan.interval,
            singles=plan.singles,
            refit=plan.refit,
            balance=plan.balance,
            ledger=Ledger(given.out / "trainings.jsonl"),
            progress=parts.bars.update,
        )
        arguments = {**vars(given), "features": parts.features}
        setup.record(result, arguments, None, parts.bars)
    if parts.encoder is not None:
        result.details["encoder"] = encoder_name(parts.encoder)
    return result


def write_graph(given: SimpleNamespace) -> dict[str, Any]:
    """Train MoG at one sparsity, with seed 0, and write the sparse graph.

    Args:
        given (SimpleNamespace): The options of :func:`graphllm.cli.mog.mog`.

    Returns:
        dict: ``graph`` (the file), ``edges``, ``kept``, ``sparsity`` and ``val_acc``.

    Raises:
        GraphLLMError: Whatever a user can mend.
    """
    plan, training = plan_of(given), _training(given)
    if len(plan.sparsities) > 1:
        raise GraphLLMError(
            f"'--export' writes one graph, and '--sparsity {given.sparsity}' names "
            f"{len(plan.sparsities)}; give one, such as --sparsity 0.3"
        )
    if not plan.mixes:
        raise GraphLLMError(
            f"'--export' writes the graph of MoG, and '--arms {given.arms}' has none; "
            "leave --arms out"
        )
    if given.export.is_dir():
        raise GraphLLMError(
            f"'--export {given.export}' is a folder; name a file in it, such as "
            "sparse.pt or edges.csv"
        )
    setup.check_out(given.export.parent)
    with opened(given) as parts:
        parts.bars.update("train", 0, 1)
        sparse, score = thin_graph(
            parts.data,
            plan,
            x=parts.x,
            split=parts.split,
            training=training,
            ledger=Ledger(given.out / "trainings.jsonl"),
        )
        parts.bars.update("train", 1, 1)
    edges = int(parts.data.num_edges)
    (sparsity,) = plan.sparsities
    path = write_sparse_graph(sparse, given.export, num_edges=edges, sparsity=sparsity)
    return {
        "graph": str(path),
        "edges": edges,
        "kept": int(sparse.num_edges),
        "sparsity": sparsity,
        "val_acc": score.val_acc,
    }


def plan_of(given: SimpleNamespace) -> Plan:
    """The arms as typed.

    Raises:
        GraphLLMError: If a name is unknown or a number out of range.
    """
    if given.mix is not None:
        one_of("mix", given.mix, MIX_ARMS)
    check_features(given.features)
    baselines, mixes, singles, refit = _arms(given)
    return Plan(
        tuple(_shares(given.sparsity)),
        tuple(dict.fromkeys(names_of(given.criteria))),
        baselines,
        mixes,
        given.k,
        given.interval,
        singles,
        refit,
        given.balance,
    )


def _arms(
    given: SimpleNamespace,
) -> tuple[tuple[str, ...], tuple[Mix, ...], bool, bool]:
    """Baselines, mixes with the one asked for first, singles and refit."""
    main = cast(Mix, given.mix or "grassmann")
    if given.arms is None:
        # The vote is the control of every other mix.
        both: tuple[Mix, ...] = (main,) if main == "vote" else (main, "vote")
        return BASELINES, both, False, True
    names = list(dict.fromkeys(names_of(given.arms)))
    known = (*BASELINES, *MIX_ARMS.values(), REFIT, SINGLES)
    for name in names:
        one_of("arm", name, known)
    mixes = [mix for mix in MIX_ARMS if MIX_ARMS[mix] in names]
    if REFIT in names and not mixes:
        mixes = [main]
    if given.mix is not None and main not in mixes:
        raise GraphLLMError(
            f"'--arms {given.arms}' leaves out '{MIX_ARMS[main]}', the arm of '--mix "
            f"{main}'; add it, or leave --mix out"
        )
    mixes.sort(key=lambda mix: mix != main)
    baselines = tuple(name for name in BASELINES if name in names)
    return baselines, tuple(mixes), SINGLES in names, REFIT in names


def _shares(text: str) -> list[float]:
    words = names_of(text)
    try:
        return sorted({float(word) for word in words})
    except ValueError:
        raise GraphLLMError(
            f"'--sparsity {text}' must be shares of the edges to remove, such as "
            "0.1,0.3,0.5"
        ) from None


def _training(given: SimpleNamespace) -> Training:
    if given.backbone == "mlp":
        raise GraphLLMError(
            "'--backbone mlp' reads no edges, so none can be spared; choose another one"
        )
    return setup.training(
        *(given.backbone, given.layers, given.hidden, given.dropout, "replace"),
        *(given.lr, given.weight_decay, given.epochs, given.patience),
    )

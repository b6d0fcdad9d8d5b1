"""Scores of candidates as the numbers of a result."""

from torch import Tensor

from graphllm.evaluate import accuracy, auc, best_threshold, link_metrics, macro_f1
from graphllm.experiments.llaga.questions import Questions

MAX_SCORES = 1_000_000


def class_accuracy(scores: Tensor, questions: Questions) -> float:
    """Share of questions whose likeliest candidate is the true answer."""
    return accuracy(scores.argmax(1), questions.target)


def class_metrics(
    val: Tensor, val_questions: Questions, test: Tensor, test_questions: Questions
) -> dict[str, float]:
    """Accuracies and macro F1, as shares."""
    return {
        "test_acc": class_accuracy(test, test_questions),
        "val_acc": class_accuracy(val, val_questions),
        "test_macro_f1": macro_f1(test.argmax(1), test_questions.target),
    }


def link_auc(scores: Tensor, questions: Questions) -> float:
    """Area under the ROC curve of "linked" against "not linked"."""
    return auc(margin(scores), 1 - questions.target)


def link_numbers(
    val: Tensor, val_questions: Questions, test: Tensor, test_questions: Questions
) -> dict[str, float]:
    """All numbers of link prediction, the threshold chosen on validation."""
    val_label, test_label = 1 - val_questions.target, 1 - test_questions.target
    threshold = best_threshold(margin(val), val_label)
    return named_link_metrics(
        link_metrics(margin(val), val_label, threshold=threshold),
        link_metrics(margin(test), test_label, threshold=threshold),
    )


def named_link_metrics(
    val: dict[str, float], test: dict[str, float]
) -> dict[str, float]:
    """Metric names of a result."""
    named = {f"test_{name}": value for name, value in test.items() if name != "acc"}
    return {**named, "test_threshold_acc": test["acc"], "val_auc": val["auc"]}


def margin(scores: Tensor) -> Tensor:
    """By how much the first candidate is likelier than the second."""
    return scores[:, 0] - scores[:, 1]


def short_scores(scores: Tensor) -> list[list[float]] | None:
    """Scores as a ledger keeps them: four decimals, and none of more than a million."""
    if scores.numel() > MAX_SCORES:
        return None
    return [[round(value, 4) for value in row] for row in scores.tolist()]

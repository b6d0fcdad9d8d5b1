"""How close a written sentence comes to a true one."""

import re
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from graphllm.seed import circle, generator

Encoder = Callable[[list[str]], Tensor]


def sentence_metrics(
    answers: Sequence[str],
    references: Sequence[str],
    labels: Sequence[str],
    label_names: Sequence[str],
    encode: Encoder,
    *,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    r"""Answers against true sentences, and what any sentence of the kind would get.

    Args:
        answers (Sequence[str]): :math:`M \ge 2` answers.
        references (Sequence[str]): :math:`M` true sentences.
        labels (Sequence[str]): :math:`M` true labels.
        label_names (Sequence[str]): All labels.
        encode (Callable): ``list[str] -> Tensor``.
        seed (int, optional): Which other sentence each answer is shuffled to.
            (default: :obj:`0`)

    Returns:
        dict: Of ``llaga`` and ``shuffled``, where each answer meets the sentence and
        the label of another node, ``test_cosine`` and ``test_label_contained``; of
        ``reference_level`` the mean cosine of all pairs of true sentences.
    """
    written, true = (
        F.normalize(encode(list(sentences)).detach().cpu().double(), dim=-1)
        for sentences in (answers, references)
    )
    own = torch.arange(len(answers))
    other = circle(len(answers), generator(seed))

    def against(whose: Tensor) -> dict[str, float]:
        pairs = zip(answers, whose.tolist(), strict=True)
        named = [names_label(text, labels[row], label_names) for text, row in pairs]
        cosine = (written * true[whose]).sum(-1)
        return {
            "test_cosine": float(cosine.mean()),
            "test_label_contained": sum(named) / len(named),
        }

    # All pairs of different rows: the square of the sum, less the diagonal.
    apart = float(true.sum(0).square().sum() - true.square().sum())
    count = len(references) * (len(references) - 1)
    return {
        "llaga": against(own),
        "shuffled": against(other),
        "reference_level": {"test_cosine": apart / count},
    }


def names_label(answer: str, label: str, label_names: Sequence[str]) -> bool:
    """Whether an answer names a label, and no other that is not part of its name.

    Names count as whole words, in upper or lower case.

    Args:
        answer (str): The answer.
        label (str): The label.
        label_names (Sequence[str]): All labels.
    """
    others = [name for name in label_names if not _within(name, label)]
    return _within(label, answer) and not any(_within(name, answer) for name in others)


def _within(name: str, text: str) -> bool:
    pattern = rf"(?<!\w){re.escape(name.strip())}(?!\w)"
    return re.search(pattern, text, re.IGNORECASE) is not None

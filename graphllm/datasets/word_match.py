"""How well texts fit bags of words whose vocabulary is not known."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch import Tensor

PREFIXES = (4, 5, 6, 7, 99)

Similarity = Callable[[Tensor, Tensor], Tensor]


def word_matcher(
    texts: Sequence[str], x: Tensor
) -> Callable[[Tensor, Tensor], Similarity]:
    r"""A similarity for :func:`graphllm.datasets.align.align_nodes`.

    From pairs that are known to belong together it learns which beginning of a word
    (published bags are stemmed) each column of ``x`` stands for: the one whose
    presence correlates most with it. A text with the presences :math:`t_f` and a bag
    :math:`b_f` are as similar as the log-likelihood of the text given the bag,

    .. math::
        \sum_f \log P(t_f \mid b_f),

    with the frequencies among the known pairs, smoothed by one.

    Args:
        texts (Sequence[str]): Texts of the first graph.
        x (Tensor): Bags of words of the second graph, :math:`(|V|, F)`.

    Returns:
        Callable: From known pairs to a function from ids to a similarity matrix.
    """
    count = CountVectorizer(binary=True, min_df=2, analyzer=_beginnings)
    words = count.fit_transform(texts).astype(np.float32).tocsr()
    bags = (x > 0).float().numpy()

    def learn(ours: Tensor, theirs: Tensor) -> Similarity:
        known, seen = words[ours.numpy()], bags[theirs.numpy()]
        meaning = _best_words(known, seen)
        there = known[:, meaning].toarray()
        present = ((there * seen).sum(0) + 1) / (seen.sum(0) + 2)
        absent = ((there * (1 - seen)).sum(0) + 1) / ((1 - seen).sum(0) + 2)

        def similarity(first: Tensor, second: Tensor) -> Tensor:
            text = words[first.numpy()][:, meaning].toarray()
            bag = bags[second.numpy()]
            gain = np.log(present / absent), np.log((1 - present) / (1 - absent))
            score = (text * gain[0] + (1 - text) * gain[1]) @ bag.T
            base = text * np.log(absent) + (1 - text) * np.log(1 - absent)
            return torch.from_numpy(score + base.sum(1, keepdims=True))

        return similarity

    return learn


def _best_words(known, seen: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The word with the largest correlation for every column of the bags."""
    size = seen.shape[0]
    word, column = np.asarray(known.mean(0)).ravel(), seen.mean(0)
    spread = np.sqrt(word * (1 - word)) + 1e-6
    covariance = np.asarray(known.T @ seen) / size - np.outer(word, column)
    return (covariance / spread[:, None]).argmax(axis=0)


def _beginnings(text: str) -> set[str]:
    found = re.findall(r"[a-z]+", text.lower())
    return {f"{word[:size]}/{min(size, 8)}" for word in found for size in PREFIXES}

"""The encoder that needs no model."""

import hashlib
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from graphllm.errors import EmbeddingError


class TfidfEncoder:
    r"""Encodes texts by weighted word counts.

    .. math::
        x_{iw} \propto (1 + \log c_{iw})
        \left(1 + \log \frac{1 + N}{1 + N_w}\right), \qquad \|\mathbf{x}_i\|_2 = 1

    with :math:`c_{iw}` the count of word :math:`w` in text :math:`i` and :math:`N_w`
    the number of the :math:`N` fitted texts that hold it. English stop words and
    words of a single text are left out. A text without any known word is a row of
    zeros.

    An encoder that was never fitted fits itself on the first texts it encodes; after
    that its columns never change. Encode the texts of the graph first.

    Args:
        max_features (int, optional): Columns at most, the most frequent words.
            (default: :obj:`2000`)
        max_ngram (int, optional): Longest run of words that is a column.
            (default: :obj:`1`)
        min_count (int, optional): Texts that a word must occur in. With fewer than
            twenty texts, one is enough. (default: :obj:`2`)

    Shapes:
        - **input:** ``list[str]`` of length :math:`N`
        - **output:** :math:`(N, F)`, ``float32``, dense

    Raises:
        EmbeddingError: If the texts to fit hold no word.
    """

    pooling = "tfidf"

    def __init__(
        self, max_features: int = 2000, max_ngram: int = 1, min_count: int = 2
    ) -> None:
        self.max_features = max_features
        self.max_ngram = max_ngram
        self.min_count = min_count
        self._vectorizer: TfidfVectorizer | None = None

    @property
    def fitted(self) -> bool:
        """Whether the columns are fixed."""
        return self._vectorizer is not None

    @property
    def id(self) -> str:
        """Settings and a hash of the vocabulary with its weights.

        Raises:
            EmbeddingError: If the encoder is not fitted, there is no vocabulary yet.
        """
        if self._vectorizer is None:
            raise EmbeddingError("this TfidfEncoder is not fitted; call fit(texts)")
        digest = hashlib.blake2b(digest_size=6)
        digest.update("\n".join(self._vectorizer.get_feature_names_out()).encode())
        digest.update(self._vectorizer.idf_.astype("float32").tobytes())
        return f"tfidf/{self.max_features}/{self.max_ngram}/{digest.hexdigest()}"

    def fit(self, texts: Sequence[str]) -> Self:
        """Fix the columns and their weights by the words of ``texts``."""
        few = len(texts) < 20
        vectorizer = TfidfVectorizer(
            max_features=self.max_features,
            ngram_range=(1, self.max_ngram),
            min_df=1 if few else self.min_count,
            stop_words="english",
            sublinear_tf=True,
            dtype=np.float32,
        )
        try:
            self._vectorizer = vectorizer.fit(texts)
        except ValueError as error:
            raise EmbeddingError(
                f"the {len(texts)} texts hold no word to encode them by ({error})"
            ) from None
        return self

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Encode ``texts``, one row each; fits first if that was not done."""
        if self._vectorizer is None:
            self.fit(texts)
        assert self._vectorizer is not None
        if not len(texts):
            return torch.empty(0, len(self._vectorizer.get_feature_names_out()))
        return torch.from_numpy(self._vectorizer.transform(texts).toarray())

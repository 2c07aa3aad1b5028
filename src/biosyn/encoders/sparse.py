"""The sparse encoder: TF-IDF over character 1- and 2-grams, fitted once on the train dictionary's names."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer


class SparseEncoder:
    """Texts to L2-normalised TF-IDF rows; lower-cases, uses smooth idf, ignores n-grams it has not seen.

    Source: scikit-learn's ``TfidfVectorizer(analyzer="char", ngram_range=(1, 2))`` with its other defaults.
    The arithmetic is done in float64 and rounded to float32 at the end, as upstream does.

    Examples
    --------
    >>> encoder = SparseEncoder().fit(["ataxia", "anemia"])
    >>> encoder(["ataxia", "anemia"]).shape == (2, len(encoder.vocabulary))
    True
    """

    def __init__(self) -> None:
        self._vectorizer = _new_vectorizer()

    @classmethod
    def from_values(cls, vocabulary: dict[str, int], idf: Sequence[float]) -> "SparseEncoder":
        """Build a fitted encoder from its vocabulary (n-gram -> column) and its V idf weights.

        Raises
        ------
        ValueError
            If the columns are not exactly 0 .. V - 1, or the weights are not V positive finite numbers.
        """
        columns = sorted(vocabulary.values())
        weights = np.asarray(idf, dtype=np.float64)
        if not columns or columns != list(range(len(columns))):
            raise ValueError("the vocabulary's columns are not 0 .. V - 1")
        if weights.shape != (len(columns),) or not np.all(np.isfinite(weights) & (weights > 0)):
            raise ValueError(f"expected {len(columns)} positive idf weights")
        encoder = cls()
        encoder._vectorizer = _new_vectorizer(vocabulary=vocabulary)
        encoder._vectorizer.idf_ = weights
        return encoder

    def fit(self, names: Sequence[str]) -> "SparseEncoder":
        """Learn the n-grams and their idf from the names; return self."""
        self._vectorizer = _new_vectorizer().fit(names)
        return self

    @property
    def vocabulary(self) -> dict[str, int]:
        """N-gram -> column, V entries."""
        return {ngram: int(column) for ngram, column in self._vectorizer.vocabulary_.items()}

    @property
    def idf(self) -> NDArray[np.float64]:
        """The idf weight of each column, shape (V,)."""
        return np.asarray(self._vectorizer.idf_, dtype=np.float64)

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return the TF-IDF rows of the texts, CSR float32 of shape (N, V)."""
        if not len(texts):  # scikit-learn refuses none
            return sparse.csr_matrix((0, len(self.idf)), dtype=np.float32)
        return sparse.csr_matrix(self._vectorizer.transform(texts), dtype=np.float32)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the rows as a dense (N, V) array, as upstream does; inside, only `transform` is used."""
        return np.asarray(self.transform(texts).toarray(), dtype=np.float32)


def _new_vectorizer(vocabulary: dict[str, int] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 2), vocabulary=vocabulary)

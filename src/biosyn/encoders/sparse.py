"""The sparse encoder, TF-IDF over character 1- and 2-grams, and the n-grams that two texts have in common."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_CHUNK = 16_384  # texts processed at a time, which bounds the arrays of their characters
_CODE_BITS = 21  # bits of a Unicode character; a bigram's key holds two characters, a unigram's key one
_LEAST_IDF, _LARGEST_IDF = 1e-9, 1e9  # their squares are added up, and smooth idf weights are 1 to 50
_WHITE_SPACES = re.compile(r"\s\s+")


class SparseEncoder:
    """Turns texts into L2-normalised TF-IDF rows: lower case, smooth idf, unknown n-grams ignored.

    Source: scikit-learn's ``TfidfVectorizer(analyzer="char", ngram_range=(1, 2))`` with its other defaults, which
    also fits it, once, on the names of the train dictionary. The rows are computed here on arrays. They equal
    scikit-learn's to the last bit, are computed four times as fast, and need no import of scikit-learn, which takes a
    second. The arithmetic is done in float64 and rounded to float32 at the end, as upstream does.

    Parameters
    ----------
    vocabulary
        N-gram (one or two characters) -> column.
    idf
        The weight of each of the V columns.

    Raises
    ------
    ValueError
        If the columns are not exactly 0 .. V - 1, or the weights are not V numbers from 1e-9 to 1e9.

    Examples
    --------
    >>> encoder = SparseEncoder().fit(["ataxia", "anemia"])
    >>> encoder(["ataxia", "anemia"]).shape == (2, len(encoder.vocabulary))
    True
    """

    def __init__(self, vocabulary: Mapping[str, int] | None = None, idf: Sequence[float] | NDArray[np.float64] = ()):
        self._vocabulary: dict[str, int] = {}
        self._idf = np.zeros(0)
        if vocabulary is not None:
            self._set(vocabulary, idf)

    def _set(self, vocabulary: Mapping[str, int], idf: Sequence[float] | NDArray[np.float64]) -> None:
        self._idf = np.asarray(idf, dtype=np.float64)  # (V,)
        if not vocabulary or sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise ValueError("the vocabulary's columns are not 0 .. V - 1")
        inside = (self._idf >= _LEAST_IDF) & (self._idf <= _LARGEST_IDF)  # NaN is not
        if self._idf.shape != (len(vocabulary),) or not inside.all():
            raise ValueError(f"expected {len(vocabulary)} positive idf weights from {_LEAST_IDF:g} to {_LARGEST_IDF:g}")
        self._vocabulary = dict(vocabulary)
        keys = np.fromiter(map(_key, self._vocabulary), dtype=np.int64)
        columns = np.fromiter(self._vocabulary.values(), dtype=np.int64)
        order = np.argsort(keys)
        self._keys, self._columns = keys[order], columns[order]  # (V,) each, searched by bisection

    def fit(self, names: Sequence[str]) -> "SparseEncoder":
        """Learn the n-grams and their idf from the names; return self."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import, and only training needs it

        fitted = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(names)
        self._set({ngram: int(column) for ngram, column in fitted.vocabulary_.items()}, fitted.idf_)
        return self

    @property
    def vocabulary(self) -> dict[str, int]:
        """N-gram -> column, V entries."""
        return dict(self._vocabulary)

    @property
    def idf(self) -> NDArray[np.float64]:
        """The idf weight of each column, shape (V,)."""
        return self._idf.copy()

    def transform(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return the TF-IDF rows of the texts, CSR float32 of shape (N, V), columns in order.

        Raises
        ------
        RuntimeError
            If the encoder is not fitted.
        """
        if not len(self._idf):
            raise RuntimeError("no n-grams yet: call fit")
        chunks = [self._rows(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
        if not chunks:
            return sparse.csr_matrix((0, len(self._idf)), dtype=np.float32)
        return chunks[0] if len(chunks) == 1 else sparse.vstack(chunks, format="csr")

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the rows as a dense (N, V) array, as upstream does; BioSyn itself uses `transform`."""
        return np.asarray(self.transform(texts).toarray(), dtype=np.float32)

    def _rows(self, texts: Sequence[str]) -> sparse.csr_matrix:
        n_columns = len(self._idf)
        keys, texts_of = _ngram_keys([_WHITE_SPACES.sub(" ", text.lower()) for text in texts])  # (all n-grams,) each
        found = np.searchsorted(self._keys, keys).clip(max=n_columns - 1)
        known = self._keys[found] == keys
        cells = texts_of[known] * n_columns + self._columns[found[known]]
        cells, counts = np.unique(cells, return_counts=True)  # (nnz,), by row and then by column
        rows, columns = np.divmod(cells, n_columns)
        values = counts * self._idf[columns]
        # bincount adds one by one in this order, as scikit-learn does, with the same rounding
        squares = np.bincount(rows, weights=values * values, minlength=len(texts))  # (n,)
        values /= np.sqrt(squares)[rows]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(texts)))])
        parts = (values.astype(np.float32), columns.astype(np.int32), offsets.astype(np.int32))
        return sparse.csr_matrix(parts, shape=(len(texts), n_columns))


def _key(ngram: str) -> int:
    """Return a unique number for an n-gram of one or two characters."""
    codes = [ord(character) for character in ngram]
    if len(codes) not in (1, 2):
        raise ValueError(f"expected n-grams of one or two characters, found {ngram!r}")
    return codes[0] if len(codes) == 1 else (codes[0] + 1 << _CODE_BITS) | codes[1]


def _ngram_keys(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the key of every 1- and 2-gram of the texts, and the number of its text, both of shape (all n-grams,)."""
    raw = "".join(texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(raw, dtype="<u4").astype(np.int64)  # (characters,)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    text_of = np.repeat(np.arange(len(texts)), lengths)  # (characters,)
    inside = text_of[:-1] == text_of[1:]  # both characters are of the same text
    pairs = (codes[:-1][inside] + 1 << _CODE_BITS) | codes[1:][inside]
    return np.concatenate([codes, pairs]), np.concatenate([text_of, text_of[:-1][inside]])


class NgramPart(NamedTuple):
    """An n-gram that two texts have in common, and its part of their sparse score."""

    ngram: str
    score: float


def ngrams_in_common(
    encoder: SparseEncoder, mention: str, names: Sequence[str], *, sparse_weight: float = 1.0
) -> list[list[NgramPart]]:
    """Return for each name the n-grams it has in common with the mention, the largest parts of the score first.

    Their scores add up to ``sparse_weight * sparse(mention) . sparse(name)``.

    Examples
    --------
    >>> (common,) = ngrams_in_common(SparseEncoder().fit(["ab", "ac"]), "ab", ["ac"])
    >>> [part.ngram for part in common]
    ['a']
    """
    ngram_of = {column: ngram for ngram, column in encoder.vocabulary.items()}
    mention_row, *rows = encoder.transform([mention, *names])  # each (1, V)
    return [_largest_first(ngram_of, sparse_weight * row.multiply(mention_row).tocoo()) for row in rows]


def _largest_first(ngram_of: dict[int, str], products: sparse.coo_matrix) -> list[NgramPart]:
    parts = (
        NgramPart(ngram_of[column], value)
        for column, value in zip(products.col.tolist(), products.data.tolist(), strict=True)
    )
    return sorted(parts, key=lambda part: (-abs(part.score), part.ngram))

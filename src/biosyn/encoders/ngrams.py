"""Where a sparse score comes from: the n-grams that two texts have in common."""

from collections.abc import Sequence
from typing import NamedTuple

from scipy import sparse

from biosyn.encoders.sparse import SparseEncoder


class NgramShare(NamedTuple):
    """An n-gram of both texts and its summand of their sparse score."""

    ngram: str
    score: float


def ngrams_in_common(
    encoder: SparseEncoder, mention: str, names: Sequence[str], *, sparse_weight: float = 1.0
) -> list[list[NgramShare]]:
    """Return for each name the n-grams it has in common with the mention, the weightiest first.

    Their scores add up to ``sparse_weight * sparse(mention) . sparse(name)``.

    Examples
    --------
    >>> (common,) = ngrams_in_common(SparseEncoder().fit(["ab", "ac"]), "ab", ["ac"])
    >>> [share.ngram for share in common]
    ['a']
    """
    ngram_of = {column: ngram for ngram, column in encoder.vocabulary.items()}
    mention_row, *rows = encoder.transform([mention, *names])  # each (1, V)
    return [_weightiest_first(ngram_of, sparse_weight * row.multiply(mention_row).tocoo()) for row in rows]


def _weightiest_first(ngram_of: dict[int, str], products: sparse.coo_matrix) -> list[NgramShare]:
    shares = (
        NgramShare(ngram_of[column], value)
        for column, value in zip(products.col.tolist(), products.data.tolist(), strict=True)
    )
    return sorted(shares, key=lambda share: (-abs(share.score), share.ngram))

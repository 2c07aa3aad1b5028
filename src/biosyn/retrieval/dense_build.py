"""The dense vectors of a dictionary: each distinct name once, taken from another index or embedded in blocks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.index.dictionary_index import DictionaryIndex

COPY_BLOCK = 16_384  # rows copied at a time

Embed = Callable[[list[str]], NDArray[np.float32]]  # (n,) names -> (n, H)


class DenseFill:
    """Fills the (N, H) array of a dictionary.

    Parameters
    ----------
    names
        N names.
    known
        An index of the same encoders, whose vectors are taken where it has the name.
    """

    def __init__(self, names: Sequence[str], known: DictionaryIndex | None):
        id_of: dict[str, int] = {}
        self._known = known
        self._ids = np.fromiter((id_of.setdefault(name, len(id_of)) for name in names), np.int64)  # (N,)
        self._source = np.full(len(id_of), -1, dtype=np.int64)  # distinct name -> row of the known index
        for row, name in enumerate(() if known is None else known.names):
            if (found := id_of.get(name)) is not None:
                self._source[found] = row
        self.missing = [name for name, found in zip(id_of, self._source, strict=True) if found < 0]
        self._missing_ids = np.flatnonzero(self._source < 0)
        self._place = np.full(len(id_of), -1, dtype=np.int64)  # distinct name -> row of the block, while it is copied

    def take_known(self, dense: NDArray[Any]) -> None:
        """Copy the vectors of the other index."""
        assert self._known is not None
        for start in range(0, len(self._ids), COPY_BLOCK):
            rows = self._source[self._ids[start : start + COPY_BLOCK]]
            shared = np.flatnonzero(rows >= 0)
            dense[start + shared] = self._known.dense[rows[shared]]

    def put(self, dense: NDArray[Any], vectors: NDArray[Any], *, start: int) -> None:
        """Copy the vectors (n, H) of the missing names from ``start`` on to every row that has such a name."""
        if vectors.shape[1] != dense.shape[1]:
            raise ValueError(f"embed gave vectors of {vectors.shape[1]} numbers after others of {dense.shape[1]}")
        block = self._missing_ids[start : start + len(vectors)]
        self._place[block] = np.arange(len(block))
        rows = np.flatnonzero(self._place[self._ids] >= 0)
        for first in range(0, len(rows), COPY_BLOCK):
            some = rows[first : first + COPY_BLOCK]
            dense[some] = vectors[self._place[self._ids[some]]]
        self._place[block] = -1


def stored_vectors(embed: Embed, names: list[str], precision: str) -> NDArray[Any]:
    """Return the vectors of some names as they are stored.

    Raises
    ------
    InputError
        If a vector is not finite in the precision.
    """
    vectors = embed(names)
    if vectors.ndim != 2 or len(vectors) != len(names):
        raise ValueError(f"embed gave {vectors.shape} for {len(names)} names")
    with np.errstate(over="ignore"):
        rounded = vectors.astype(precision, copy=False)
    if not np.isfinite(rounded).all():
        what = "too large for float16: use float32" if np.isfinite(vectors).all() else "not finite"
        raise InputError(f"some vectors of the dictionary's names are {what}")
    return rounded

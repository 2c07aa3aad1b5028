"""Millions of strings in two arrays."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.index.arrays import release

BLOCK = 16_384  # strings read at a time when all are gone through


class PackedTexts(Sequence[str]):
    """N strings in two arrays, made into a Python object only when one is asked for.

    A sequence like a list of them, so that a dictionary's names may be either; there is no counting from the end.

    Parameters
    ----------
    blob
        The UTF-8 of all of them, uint8 of shape (bytes,).
    offsets
        Where each begins, and the end: int64 of shape (N + 1,).

    Examples
    --------
    >>> texts = PackedTexts(np.frombuffer(b"abc", dtype=np.uint8), np.array([0, 2, 2, 3]))
    >>> texts[0], texts[1:], list(texts)
    ('ab', ['', 'c'], ['ab', '', 'c'])
    """

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]):
        self._blob = blob
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            start, stop, step = row.indices(len(self))
            if step != 1:
                raise ValueError("only neighbouring rows are sliced")
            return self._block(start, max(start, stop))
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self._block(row, row + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), BLOCK):
            yield from self[start : start + BLOCK]
            release(self._blob, self._offsets)

    def _block(self, start: int, stop: int) -> list[str]:
        ends = self._offsets[start : stop + 1].tolist()
        raw = self._blob[ends[0] : ends[-1]].tobytes()
        try:
            return [raw[begin - ends[0] : end - ends[0]].decode() for begin, end in pairwise(ends)]
        except UnicodeDecodeError as error:
            message = f"rows {start} to {stop - 1} of a dictionary index are damaged: remove the index"
            raise InputError(message) from error

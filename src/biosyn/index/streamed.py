"""The vectors of an index for a search: mapped, and checked as they are read; or copied from disk block by block."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from biosyn.errors import InputError
from biosyn.index.arrays import release
from biosyn.index.mapped import MappedArray
from biosyn.retrieval.vectors import SparseRows, Vectors


class MappedVectors:
    """N texts whose vectors are views of mapped files; each file is checked before rows of it are given.

    Parameters
    ----------
    vectors
        The mapped vectors; the columns of their TF-IDF may have been copied.
    dense
        The file of the dense vectors; None without that half.
    sparse
        The files of the TF-IDF rows: offsets, columns, values; None without that half.
    """

    def __init__(
        self,
        vectors: Vectors,
        dense: MappedArray | None,
        sparse: tuple[MappedArray, MappedArray, MappedArray] | None,
    ):
        self.dense, self.sparse = vectors.dense, vectors.sparse
        self._vectors = vectors
        self._dense_file = dense
        self._sparse_files = sparse
        self.count, self.score_mode, self.device = vectors.count, vectors.score_mode, vectors.device
        self.hidden, self.n_columns, self.bytes_a_row = vectors.hidden, vectors.n_columns, vectors.bytes_a_row

    def slice(self, start: int, stop: int) -> Vectors:
        """Return texts ``start`` to ``stop``, which may be past the end."""
        stop = min(stop, self.count)
        if self._dense_file is not None:
            self._dense_file.check(start, stop)
        if self._sparse_files is not None:
            offsets, *parts = self._sparse_files
            offsets.check(start, stop + 1)
            for part in parts:
                part.check(*offsets.array[[start, stop]].tolist())
        return self._vectors.slice(start, stop)

    def take(self, rows: Tensor) -> Vectors:
        """Return the texts at the given rows, int64 of shape (R,)."""
        items = rows.numpy()  # (R,)
        if self._dense_file is not None:
            self._dense_file.check_items(items)
        if self._sparse_files is not None:
            offsets, *parts = self._sparse_files
            offsets.check_items(np.concatenate([items, items + 1]))
            starts, stops = offsets.array[items], offsets.array[items + 1]  # (R,)
            filled = stops > starts
            for part in parts:
                part.check_items(np.concatenate([starts[filled], stops[filled] - 1]))  # a row is in two blocks at most
        return self._vectors.take(rows)


class StreamedVectors:
    """N texts whose vectors are on disk; what is taken is copied to the device, and its pages are freed.

    A search reads the whole file once for each block of mentions, so search many mentions at a time.

    Parameters
    ----------
    mapped
        The mapped vectors; the columns of their TF-IDF may be int32, as they are stored.
    arrays
        The mapped arrays themselves, whose pages are freed after each reading.
    device
        Where the copies are made.
    """

    def __init__(self, mapped: MappedVectors, arrays: Sequence[MappedArray], *, device: torch.device | str = "cpu"):
        self._mapped = mapped
        self._arrays = arrays
        self.device = torch.device(device)

    @property
    def count(self) -> int:
        """N, the number of texts."""
        return self._mapped.count

    @property
    def score_mode(self) -> str:
        """``hybrid``, ``dense`` or ``sparse``, by the halves that there are."""
        return self._mapped.score_mode

    @property
    def hidden(self) -> int:
        """H, or 0."""
        return self._mapped.hidden

    @property
    def n_columns(self) -> int:
        """V, or 0."""
        return self._mapped.n_columns

    @property
    def bytes_a_row(self) -> int:
        """The bytes that a row of a block takes: float32 numbers, int64 columns, and the row as it is on disk."""
        rows = self._mapped.sparse
        nonzero = 0 if rows is None else len(rows.values) // max(1, rows.count) + 1
        return 6 * self.hidden + 24 * nonzero

    def slice(self, start: int, stop: int) -> Vectors:
        """Return texts ``start`` to ``stop``, which may be past the end."""
        return self._copied(self._mapped.slice(start, stop))

    def take(self, rows: Tensor) -> Vectors:
        """Return the texts at the given rows, int64 of shape (R,)."""
        return self._copied(self._mapped.take(rows.cpu()))

    def _copied(self, rows: Vectors) -> Vectors:
        dense = None
        if rows.dense is not None:
            on_cpu = self.device.type == "cpu"  # a GPU converts them itself: half the bytes to send
            dense = rows.dense.to(self.device, torch.float32 if on_cpu else rows.dense.dtype, copy=True)
        sparse = None if rows.sparse is None else self._copied_rows(rows.sparse)
        release(*self._arrays)
        return Vectors(dense, sparse)

    def _copied_rows(self, rows: SparseRows) -> SparseRows:
        columns = rows.columns.to(self.device, torch.int64, copy=True)
        if len(columns) and not (columns.min() >= 0 and columns.max() < rows.n_columns):  # torch would read elsewhere
            raise InputError("the TF-IDF of a dictionary index is damaged: remove the index")
        offsets, values = (part.to(self.device, copy=True) for part in (rows.offsets, rows.values))
        return SparseRows(offsets, columns, values, rows.n_columns)

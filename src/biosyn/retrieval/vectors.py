"""The dense and the sparse vector of each text, on which retrieval works."""

import warnings
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy import sparse
from torch import Tensor

# torch warns once per process; only the product of a CSR and a dense matrix is used
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")


@dataclass(frozen=True, slots=True)
class SparseRows:
    """TF-IDF rows as the three arrays of a CSR matrix, which can be sliced without a dense (N, V) matrix."""

    offsets: Tensor  # (N + 1,) int64
    columns: Tensor  # (nnz,) int64
    values: Tensor  # (nnz,) float32
    n_columns: int  # V

    @classmethod
    def from_scipy(cls, matrix: sparse.csr_matrix, device: torch.device | str = "cpu") -> "SparseRows":
        """Copy a CSR matrix of shape (N, V) to the device."""
        return cls(
            torch.from_numpy(matrix.indptr.astype("int64")).to(device),
            torch.from_numpy(matrix.indices.astype("int64")).to(device),
            torch.from_numpy(matrix.data.astype("float32")).to(device),
            matrix.shape[1],
        )

    @property
    def count(self) -> int:
        """N, the number of rows."""
        return len(self.offsets) - 1

    def slice(self, start: int, stop: int) -> "SparseRows":
        """Return rows ``start`` to ``stop``."""
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        return SparseRows(
            self.offsets[start : stop + 1] - first, self.columns[first:last], self.values[first:last], self.n_columns
        )

    def take(self, rows: Tensor) -> "SparseRows":
        """Return the given rows, int64 of shape (R,), in that order; a row may be repeated."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]  # (R,)
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])  # (R + 1,)
        # the position of each value here: its position in the new rows, plus the distance between old and new row
        moved = torch.repeat_interleave(self.offsets[rows] - offsets[:-1], lengths)
        positions = torch.arange(len(moved), device=moved.device) + moved
        return SparseRows(offsets, self.columns[positions], self.values[positions], self.n_columns)

    def to(self, device: torch.device | str) -> "SparseRows":
        """Return the rows on the device."""
        offsets, columns, values = (part.to(device) for part in (self.offsets, self.columns, self.values))
        return SparseRows(offsets, columns, values, self.n_columns)

    def matrix(self) -> Tensor:
        """Return the rows as one torch CSR tensor of shape (N, V)."""
        shape = (self.count, self.n_columns)
        return torch.sparse_csr_tensor(self.offsets, self.columns, self.values, shape, check_invariants=False)


class NameVectors(Protocol):
    """A dictionary's vectors as a search needs them: `Vectors` in memory, or `StreamedVectors` on disk."""

    @property
    def count(self) -> int:
        """N, the number of names."""

    @property
    def hidden(self) -> int:
        """H, or 0 without dense vectors."""

    @property
    def n_columns(self) -> int:
        """V, or 0 without sparse vectors."""

    @property
    def bytes_a_row(self) -> int:
        """Bytes that a row of a block takes while it is scored."""

    @property
    def device(self) -> torch.device:
        """The device on which they are scored."""

    @property
    def score_mode(self) -> str:
        """The score that they allow: ``hybrid``, ``dense`` or ``sparse``."""

    def slice(self, start: int, stop: int) -> "Vectors":
        """Return the names from ``start`` to ``stop``."""

    def take(self, rows: Tensor) -> "Vectors":
        """Return the names at the given rows, int64 of shape (R,)."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of N texts; either kind may be missing if the score does not need it."""

    dense: Tensor | None  # (N, H) float32; a dictionary's may be float16, but is scored in float32
    sparse: SparseRows | None  # (N, V) float32

    @property
    def count(self) -> int:
        """N, the number of texts."""
        if self.dense is not None:
            return len(self.dense)
        return 0 if self.sparse is None else self.sparse.count

    @property
    def hidden(self) -> int:
        """H, or 0 without dense vectors."""
        return 0 if self.dense is None else self.dense.shape[1]

    @property
    def n_columns(self) -> int:
        """V, or 0 without sparse vectors."""
        return 0 if self.sparse is None else self.sparse.n_columns

    @property
    def bytes_a_row(self) -> int:
        """Additional bytes while a row is scored: a float32 copy of its dense vector."""
        return 4 * self.hidden

    @property
    def device(self) -> torch.device:
        """The device of the vectors."""
        if self.dense is not None:
            return self.dense.device
        return torch.device("cpu") if self.sparse is None else self.sparse.offsets.device

    @property
    def score_mode(self) -> str:
        """The score that these vectors allow: ``hybrid``, ``dense`` or ``sparse``."""
        if self.dense is None:
            return "sparse"
        return "dense" if self.sparse is None else "hybrid"

    def to(self, device: torch.device | str) -> "Vectors":
        """Return the vectors on the device."""
        dense = None if self.dense is None else self.dense.to(device)
        return Vectors(dense, None if self.sparse is None else self.sparse.to(device))

    def slice(self, start: int, stop: int) -> "Vectors":
        """Return texts ``start`` to ``stop``, which may be past the end."""
        stop = min(stop, self.count)
        dense = None if self.dense is None else self.dense[start:stop]
        return Vectors(dense, None if self.sparse is None else self.sparse.slice(start, stop))

    def take(self, rows: Tensor) -> "Vectors":
        """Return the texts at the given rows, int64 of shape (R,)."""
        dense = None if self.dense is None else self.dense[rows]
        return Vectors(dense, None if self.sparse is None else self.sparse.take(rows))

"""The two vectors of each text, side by side: what retrieval works on."""

import warnings
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy import sparse
from torch import Tensor

# torch says this once in each process; a product of CSR by dense is all that is used of it
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")


@dataclass(frozen=True, slots=True)
class SparseRows:
    """TF-IDF rows as the three arrays of a CSR matrix, so that rows are sliced without a dense (N, V) matrix."""

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
        """Return the given rows, int64 of shape (R,), in their order; a row may come more than once."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]  # (R,)
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])  # (R + 1,)
        # where each value lies now: its place in the new rows, moved by how far its row has moved
        moved = torch.repeat_interleave(self.offsets[rows] - offsets[:-1], lengths)
        places = torch.arange(len(moved), device=moved.device) + moved
        return SparseRows(offsets, self.columns[places], self.values[places], self.n_columns)

    def matrix(self) -> Tensor:
        """Return the rows as one torch CSR tensor of shape (N, V)."""
        shape = (self.count, self.n_columns)
        return torch.sparse_csr_tensor(self.offsets, self.columns, self.values, shape, check_invariants=False)


class NameVectors(Protocol):
    """What a search asks of a dictionary's vectors: `Vectors`, or `StreamedVectors` that lie on disk."""

    @property
    def count(self) -> int:
        """N."""

    @property
    def hidden(self) -> int:
        """H, or 0."""

    @property
    def n_columns(self) -> int:
        """V, or 0."""

    @property
    def bytes_a_row(self) -> int:
        """What a row of a block takes while it is scored."""

    @property
    def device(self) -> torch.device:
        """Where they are scored."""

    @property
    def score_mode(self) -> str:
        """The score that they allow."""

    def slice(self, start: int, stop: int) -> "Vectors":
        """Return a block of them."""

    def take(self, rows: Tensor) -> "Vectors":
        """Return some of them."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """N texts; either half may be missing where a score does not need it."""

    dense: Tensor | None  # (N, H) float32; a dictionary's may be float16, and is scored in float32
    sparse: SparseRows | None  # (N, V) float32

    @property
    def count(self) -> int:
        """N, the number of texts."""
        if self.dense is not None:
            return len(self.dense)
        return 0 if self.sparse is None else self.sparse.count

    @property
    def hidden(self) -> int:
        """H, or 0 where there is no dense half."""
        return 0 if self.dense is None else self.dense.shape[1]

    @property
    def n_columns(self) -> int:
        """V, or 0 where there is no sparse half."""
        return 0 if self.sparse is None else self.sparse.n_columns

    @property
    def bytes_a_row(self) -> int:
        """What scoring a row takes beyond it: its dense half once more, as float32."""
        return 4 * self.hidden

    @property
    def device(self) -> torch.device:
        """Where the vectors lie."""
        if self.dense is not None:
            return self.dense.device
        return torch.device("cpu") if self.sparse is None else self.sparse.offsets.device

    @property
    def score_mode(self) -> str:
        """The score that these vectors allow: ``hybrid``, ``dense`` or ``sparse``."""
        if self.dense is None:
            return "sparse"
        return "dense" if self.sparse is None else "hybrid"

    def slice(self, start: int, stop: int) -> "Vectors":
        """Return texts ``start`` to ``stop``, which may lie past the end."""
        stop = min(stop, self.count)
        dense = None if self.dense is None else self.dense[start:stop]
        return Vectors(dense, None if self.sparse is None else self.sparse.slice(start, stop))

    def take(self, rows: Tensor) -> "Vectors":
        """Return the texts at the given rows, int64 of shape (R,)."""
        dense = None if self.dense is None else self.dense[rows]
        return Vectors(dense, None if self.sparse is None else self.sparse.take(rows))

"""The dictionary index: an embedded dictionary on disk, mapped into memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from biosyn.errors import InputError
from biosyn.index.arrays import PackedTexts, map_array, offsets_fit
from biosyn.index.header import Header, read_header
from biosyn.index.key import IndexKey
from biosyn.records import Name

if TYPE_CHECKING:
    import torch
    from scipy import sparse

    from biosyn.retrieval.vectors import NameVectors, SparseRows

DENSE = "dense.npy"  # (N, H) float32 or float16
OFFSETS, COLUMNS, VALUES = "sparse_offsets.npy", "sparse_columns.npy", "sparse_values.npy"  # CSR of (N, V)
NAMES, NAMES_OFFSETS = "names.npy", "names_offsets.npy"  # UTF-8 of all names, and (N + 1,) where each begins
CUIS, CUIS_OFFSETS = "cuis.npy", "cuis_offsets.npy"
TEXTS = (NAMES, NAMES_OFFSETS, CUIS, CUIS_OFFSETS)
ARRAYS = (DENSE, OFFSETS, COLUMNS, VALUES, *TEXTS)
DTYPES: dict[str, DTypeLike] = {
    OFFSETS: np.int64,
    COLUMNS: np.int32,
    VALUES: np.float32,
    NAMES: np.uint8,
    NAMES_OFFSETS: np.int64,
    CUIS: np.uint8,
    CUIS_OFFSETS: np.int64,
}


class DictionaryIndex:
    """N names with their ids, dense vectors and TF-IDF rows; only what is asked for is read.

    Parameters
    ----------
    header
        What it was made of, its sizes and checksums.
    arrays
        The mapped array of each file name of `ARRAYS`.
    folder
        Where the files are; None once they have no name any more.
    """

    def __init__(self, header: Header[IndexKey], arrays: dict[str, NDArray[Any]], folder: Path | None):
        self.key = header.key
        self.folder = folder
        self.n_columns = header.counts["ngrams"]  # V
        self.names = PackedTexts(arrays[NAMES], arrays[NAMES_OFFSETS])
        self.cuis = PackedTexts(arrays[CUIS], arrays[CUIS_OFFSETS])
        self.dense = arrays[DENSE]  # (N, H) float32 or float16
        self._header = header
        self._arrays = arrays

    @classmethod
    def open(cls, folder: str | Path) -> "DictionaryIndex":
        """Map an index; header, key, sizes and offsets are checked here, the content by `verify`."""
        folder = Path(folder)
        header = read_header(folder, IndexKey)
        shapes = _shapes(header.counts)
        arrays = {}
        for name in ARRAYS:
            dtype = np.dtype(DTYPES.get(name, header.key.precision))
            size = header.files.get(name, {}).get("bytes")
            arrays[name] = map_array(folder / name, size, dtype, shapes[name])
        for name, end in (
            (OFFSETS, header.counts["nonzero"]),
            (NAMES_OFFSETS, len(arrays[NAMES])),
            (CUIS_OFFSETS, len(arrays[CUIS])),
        ):
            if not offsets_fit(arrays[name], end):
                raise InputError(
                    "is damaged (its offsets are not those of its array): remove the index", path=folder / name
                )
        return cls(header, arrays, folder)

    def verify(self, files: Sequence[str] = ARRAYS) -> None:
        """Compare every block of every file, or of some, with its checksum; nothing to do for one without a folder."""
        if self.folder is not None:
            self._header.verify(self.folder, files)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Name:
        return Name(self.names[row], self.cuis[row])

    def __iter__(self) -> Iterator[Name]:
        return map(Name, self.names, self.cuis)

    @property
    def sparse(self) -> "sparse.csr_matrix":
        """The TF-IDF rows, CSR float32 of shape (N, V); values and columns are not copied."""
        from scipy import sparse

        parts = (np.asarray(self._arrays[name]) for name in (VALUES, COLUMNS, OFFSETS))
        return sparse.csr_matrix(tuple(parts), shape=(len(self), self.n_columns), copy=False)

    def vectors(
        self, device: "torch.device | str" = "cpu", *, score_mode: str = "hybrid", streamed_above: int | None = None
    ) -> "NameVectors":
        """Return the vectors for a search; on a CPU they stay on disk until a row is read.

        Parameters
        ----------
        score_mode
            ``hybrid``, ``dense`` or ``sparse``: a half that is not needed is left out.
        streamed_above
            The most bytes of vectors that are held in memory; where there are more, a search reads them block by block
            and keeps none. None takes what suits the device.

        Raises
        ------
        InputError
            If a column of the TF-IDF rows is outside the vocabulary, as damage can make it.
        """
        import torch

        from biosyn.devices import room_for_vectors
        from biosyn.retrieval.vectors import Vectors

        dense = None if score_mode == "sparse" else torch.from_numpy(np.asarray(self.dense))
        n_bytes = (0 if dense is None else dense.nbytes) + (0 if score_mode == "dense" else self._sparse_bytes)
        room = room_for_vectors(torch.device(device)) if streamed_above is None else streamed_above
        if n_bytes > room:
            return self._streamed(dense, device, score_mode)
        rows = None if score_mode == "dense" else self._sparse_rows(device)
        return Vectors(None if dense is None else dense.to(device), rows)

    @property
    def _sparse_bytes(self) -> int:
        return sum(2 * self._arrays[name].nbytes for name in (OFFSETS, COLUMNS, VALUES))  # columns become int64

    def _streamed(self, dense: "torch.Tensor | None", device: "torch.device | str", score_mode: str) -> "NameVectors":
        import torch

        from biosyn.index.streamed import StreamedVectors
        from biosyn.retrieval.vectors import SparseRows, Vectors

        offsets, columns, values = (
            torch.from_numpy(np.asarray(self._arrays[name])) for name in (OFFSETS, COLUMNS, VALUES)
        )
        rows = None if score_mode == "dense" else SparseRows(offsets, columns, values, self.n_columns)
        arrays = [self._arrays[name] for name in (DENSE, OFFSETS, COLUMNS, VALUES)]
        return StreamedVectors(Vectors(dense, rows), arrays, device=device)

    def _sparse_rows(self, device: "torch.device | str") -> "SparseRows":
        import torch

        from biosyn.retrieval.vectors import SparseRows

        columns = np.asarray(self._arrays[COLUMNS])
        if len(columns) and not (columns.min() >= 0 and columns.max() < self.n_columns):  # torch would read elsewhere
            raise InputError(f"{COLUMNS} is damaged: remove the index", path=self.folder)
        return SparseRows(
            torch.from_numpy(np.asarray(self._arrays[OFFSETS])).to(device),
            torch.from_numpy(columns.astype(np.int64)).to(device),
            torch.from_numpy(np.asarray(self._arrays[VALUES])).to(device),
            self.n_columns,
        )


def _shapes(counts: dict[str, int]) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of each array; None for a length that only the offsets give."""
    names, hidden, nonzero = counts["names"], counts["hidden"], counts["nonzero"]
    shapes: dict[str, tuple[int | None, ...]] = dict.fromkeys((OFFSETS, NAMES_OFFSETS, CUIS_OFFSETS), (names + 1,))
    return shapes | {DENSE: (names, hidden), COLUMNS: (nonzero,), VALUES: (nonzero,), NAMES: (None,), CUIS: (None,)}

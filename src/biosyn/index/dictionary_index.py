"""The dictionary index: an embedded dictionary on disk, mapped into memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from biosyn.errors import InputError
from biosyn.index.arrays import PackedTexts, offsets_fit
from biosyn.index.header import Header, foreign_if_forbidden, read_header
from biosyn.index.key import IndexKey
from biosyn.index.mapped import MappedArray
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
VERIFIED_AT_OPENING = 512 * 10**6  # bytes of an index that are all compared at once: half a second at most
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
    """N names with their ids, dense vectors and TF-IDF rows; only what is asked for is read, and checked then.

    Parameters
    ----------
    header
        What it was made of, its sizes and checksums.
    arrays
        The mapped array of each file name of `ARRAYS`.
    folder
        Where the files are; None once they have no name any more.
    """

    def __init__(self, header: Header[IndexKey], arrays: dict[str, MappedArray], folder: Path | None):
        self.key = header.key
        self.folder = folder
        self.n_columns = header.counts["ngrams"]  # V
        self.names = PackedTexts(arrays[NAMES], arrays[NAMES_OFFSETS])
        self.cuis = PackedTexts(arrays[CUIS], arrays[CUIS_OFFSETS])
        self._arrays = arrays

    @classmethod
    def open(cls, folder: str | Path) -> "DictionaryIndex":
        """Map an index. Header, sizes and offsets are checked here, the content by `verify` or when it is read."""
        folder = Path(folder)
        header = read_header(folder, IndexKey)
        shapes = _shapes(header.counts)
        with foreign_if_forbidden():
            arrays = {
                name: MappedArray(
                    folder / name,
                    header.files.get(name, {}),
                    np.dtype(DTYPES.get(name, header.key.precision)),
                    shapes[name],
                )
                for name in ARRAYS
            }
        for name, end in (
            (OFFSETS, header.counts["nonzero"]),
            (NAMES_OFFSETS, len(arrays[NAMES])),
            (CUIS_OFFSETS, len(arrays[CUIS])),
        ):
            if not offsets_fit(arrays[name].array, end):
                raise InputError(
                    "is damaged (its offsets are not those of its array): remove the index", path=folder / name
                )
        return cls(header, arrays, folder)

    def verify(self, files: Sequence[str] = ARRAYS, *, anew: bool = True) -> None:
        """Compare every block of every file, or of some, with its checksum; ``anew`` also those that were compared."""
        for name in files:
            self._arrays[name].check_all(anew=anew)

    def verify_at_opening(self) -> None:
        """Compare the texts, and the vectors if they are not many; others are compared when they are read."""
        small = sum(self._arrays[name].array.nbytes for name in ARRAYS) <= VERIFIED_AT_OPENING
        self.verify(ARRAYS if small else TEXTS, anew=False)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Name:
        return Name(self.names[row], self.cuis[row])

    def __iter__(self) -> Iterator[Name]:
        return map(Name, self.names, self.cuis)

    @property
    def dense(self) -> NDArray[Any]:
        """The dense vectors, (N, H) float32 or float16: mapped, and compared with their checksums before."""
        return self._array(DENSE)

    @property
    def sparse(self) -> "sparse.csr_matrix":
        """The TF-IDF rows, CSR float32 of shape (N, V); values and columns are not copied."""
        from scipy import sparse

        parts = map(self._array, (VALUES, COLUMNS, OFFSETS))
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
        from biosyn.index.streamed import MappedVectors, StreamedVectors
        from biosyn.retrieval.vectors import Vectors

        device = torch.device(device)
        dense = None if score_mode == "sparse" else self._arrays[DENSE]
        rows = None if score_mode == "dense" else (self._arrays[OFFSETS], self._arrays[COLUMNS], self._arrays[VALUES])
        files = [*([dense] if dense else []), *(rows or [])]
        room = room_for_vectors(device) if streamed_above is None else streamed_above
        streamed = sum(array.array.nbytes * (1 if array is dense else 2) for array in files) > room  # columns: int64
        vectors = Vectors(
            None if dense is None else torch.from_numpy(np.asarray(dense.array)),
            None if rows is None else self._sparse_rows() if streamed else self._held_rows(),
        )
        if streamed:
            return StreamedVectors(MappedVectors(vectors, dense, rows), files, device=device)
        if device.type == "cpu":
            return MappedVectors(vectors, dense, rows)
        copied = vectors.to(device)
        for array in files:
            array.check_all()  # afterwards: what was copied is what is compared
        return copied

    def _array(self, name: str) -> NDArray[Any]:
        self._arrays[name].check_all()
        return np.asarray(self._arrays[name].array)

    def _sparse_rows(self) -> "SparseRows":
        import torch

        from biosyn.retrieval.vectors import SparseRows

        offsets, columns, values = (
            torch.from_numpy(np.asarray(self._arrays[name].array)) for name in (OFFSETS, COLUMNS, VALUES)
        )
        return SparseRows(offsets, columns, values, self.n_columns)

    def _held_rows(self) -> "SparseRows":
        """Return the TF-IDF rows with columns in memory, int64 as torch wants them."""
        rows, columns = self._sparse_rows(), self._array(COLUMNS)
        if len(columns) and not (columns.min() >= 0 and columns.max() < self.n_columns):  # torch would read elsewhere
            raise InputError(f"{COLUMNS} is damaged: remove the index", path=self.folder)
        return replace(rows, columns=rows.columns.long())


def _shapes(counts: dict[str, int]) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of each array; None for a length that only the offsets give."""
    names, hidden, nonzero = counts["names"], counts["hidden"], counts["nonzero"]
    shapes: dict[str, tuple[int | None, ...]] = dict.fromkeys((OFFSETS, NAMES_OFFSETS, CUIS_OFFSETS), (names + 1,))
    return shapes | {DENSE: (names, hidden), COLUMNS: (nonzero,), VALUES: (nonzero,), NAMES: (None,), CUIS: (None,)}

"""The dictionary index: an embedded dictionary on disk, mapped into memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from biosyn.errors import InputError
from biosyn.records import Name
from biosyn.retrieval.index_files import CHECKSUM_BLOCK, IndexKey, checksums, read_header

if TYPE_CHECKING:  # neither is needed to list, remove or verify indexes
    import torch
    from scipy import sparse

    from biosyn.retrieval.vectors import Vectors

DENSE = "dense.npy"  # (N, H) float32 or float16
OFFSETS, COLUMNS, VALUES = "sparse_offsets.npy", "sparse_columns.npy", "sparse_values.npy"  # CSR of (N, V)
NAMES, NAMES_OFFSETS = "names.npy", "names_offsets.npy"  # UTF-8 of all names, and (N + 1,) where each begins
CUIS, CUIS_OFFSETS = "cuis.npy", "cuis_offsets.npy"
ARRAYS = (DENSE, OFFSETS, COLUMNS, VALUES, NAMES, NAMES_OFFSETS, CUIS, CUIS_OFFSETS)
DTYPES: dict[str, DTypeLike] = {
    OFFSETS: np.int64,
    COLUMNS: np.int32,
    VALUES: np.float32,
    NAMES: np.uint8,
    NAMES_OFFSETS: np.int64,
    CUIS: np.uint8,
    CUIS_OFFSETS: np.int64,
}


class PackedTexts:
    """N strings in two arrays, made into a Python object only when one is asked for.

    Parameters
    ----------
    blob
        The UTF-8 of all of them, uint8 of shape (bytes,).
    offsets
        Where each begins, and the end: int64 of shape (N + 1,).
    """

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]):
        self._blob = blob
        self._offsets = offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        raw = self._blob[self._offsets[row] : self._offsets[row + 1]].tobytes()
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"row {row} of a dictionary index is damaged: remove the index") from error

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))


class DictionaryIndex:
    """N names with their ids, dense vectors and TF-IDF rows; read only what is asked for.

    Parameters
    ----------
    key
        What it was made of.
    arrays
        Array by file name, as `ARRAYS` lists them: mapped ones, or ones in memory.
    n_columns
        V.
    folder
        Where it lies; None for one in memory.
    """

    def __init__(self, key: IndexKey, arrays: dict[str, NDArray[Any]], n_columns: int, folder: Path | None = None):
        self.key = key
        self.folder = folder
        self.n_columns = n_columns
        self.names = PackedTexts(arrays[NAMES], arrays[NAMES_OFFSETS])
        self.cuis = PackedTexts(arrays[CUIS], arrays[CUIS_OFFSETS])
        self.dense = arrays[DENSE]  # (N, H) float32 or float16
        self._arrays = arrays

    @classmethod
    def open(cls, folder: str | Path) -> "DictionaryIndex":
        """Map an index: the header, the key and the sizes are checked, the content is `verify`'s.

        Raises
        ------
        InputError
            If the folder is no index of ours, or it is damaged.
        """
        folder = Path(folder)
        header = read_header(folder)
        if header.key.digest() != folder.absolute().name:
            raise InputError(f"is not the index of its key, {header.key.digest()}: remove it", path=folder)
        counts = header.counts
        shapes = _shapes(counts)
        arrays = {}
        for name in ARRAYS:
            dtype = np.dtype(DTYPES.get(name, header.key.precision))
            size = header.files.get(name, {}).get("bytes")
            arrays[name] = _mapped(folder / name, size, dtype, shapes[name])
        for name, end in (
            (OFFSETS, counts["nonzero"]),
            (NAMES_OFFSETS, len(arrays[NAMES])),
            (CUIS_OFFSETS, len(arrays[CUIS])),
        ):
            offsets = arrays[name]
            if offsets[0] != 0 or offsets[-1] != end or np.any(offsets[1:] < offsets[:-1]):
                raise InputError(
                    "is damaged (its offsets are not those of its array): remove the index", path=folder / name
                )
        return cls(header.key, arrays, counts["ngrams"], folder)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Name:
        return Name(self.names[row], self.cuis[row])

    def __iter__(self) -> Iterator[Name]:
        return map(Name, self.names, self.cuis)

    def name(self, row: int) -> str:
        """Return one name; an IndexError where there is no such row."""
        return self.names[row]

    def cui(self, row: int) -> str:
        """Return one name's ids; an IndexError where there is no such row."""
        return self.cuis[row]

    @property
    def sparse(self) -> "sparse.csr_matrix":
        """The TF-IDF rows, CSR float32 of shape (N, V); values and columns are not copied."""
        from scipy import sparse

        parts = (np.asarray(self._arrays[name]) for name in (VALUES, COLUMNS, OFFSETS))
        return sparse.csr_matrix(tuple(parts), shape=(len(self), self.n_columns), copy=False)

    def vectors(self, device: "torch.device | str" = "cpu", *, score_mode: str = "hybrid") -> "Vectors":
        """Return what retrieval works on; on a CPU it stays on disk until a row is touched.

        Parameters
        ----------
        score_mode
            ``hybrid``, ``dense`` or ``sparse``: a half that is not needed is left out.

        Raises
        ------
        InputError
            If a column of the TF-IDF rows lies outside the vocabulary.
        """
        import torch

        from biosyn.retrieval.vectors import Vectors

        dense = None if score_mode == "sparse" else torch.from_numpy(np.asarray(self.dense)).to(device)
        return Vectors(dense, None if score_mode == "dense" else self._sparse_rows(device))

    def _sparse_rows(self, device: "torch.device | str") -> Any:
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

    def verify(self) -> None:
        """Compare every block of every file with its checksum; nothing to do for an index in memory.

        Raises
        ------
        InputError
            If a block is not what was written: file and bytes are named.
        """
        if self.folder is None:
            return
        header = read_header(self.folder)
        for name in ARRAYS:
            path = self.folder / name
            expected = header.files[name]["blake2b"]
            try:
                found = checksums(path)
            except OSError as error:
                raise InputError(f"cannot be read: {error.strerror}", path=path) from error
            for block in range(max(len(found), len(expected))):
                if found[block : block + 1] != expected[block : block + 1]:
                    first = block * CHECKSUM_BLOCK
                    raise InputError(
                        f"is damaged in block {block} (bytes {first} to {first + CHECKSUM_BLOCK - 1}): "
                        "remove the index, it is made anew",
                        path=path,
                    )


def _shapes(counts: dict[str, int]) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of each array; None for a length that the offsets tell."""
    names, hidden, nonzero = counts["names"], counts["hidden"], counts["nonzero"]
    shapes: dict[str, tuple[int | None, ...]] = dict.fromkeys((OFFSETS, NAMES_OFFSETS, CUIS_OFFSETS), (names + 1,))
    return shapes | {DENSE: (names, hidden), COLUMNS: (nonzero,), VALUES: (nonzero,), NAMES: (None,), CUIS: (None,)}


def _mapped(path: Path, size: int | None, dtype: np.dtype[Any], shape: Iterable[int | None]) -> NDArray[Any]:
    """Map an array file whose size, type and shape are known, private to this process, so that torch may take it."""
    expected = list(shape)
    try:
        found = path.stat().st_size
        if found != size:
            raise InputError(f"is damaged ({found} bytes, not {size}): remove the index", path=path)
        array = np.lib.format.open_memmap(path, mode="c")  # never a pickle: an object array is a ValueError
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, EOFError, SyntaxError, OverflowError, MemoryError, TokenError) as error:
        raise InputError(f"is damaged ({str(error).partition(chr(10))[0]}): remove the index", path=path) from error
    fits = len(array.shape) == len(expected) and all(
        length in (None, found_length) for length, found_length in zip(expected, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits or np.isfortran(array):
        raise InputError(f"is damaged ({array.dtype} of shape {array.shape}): remove the index", path=path)
    return array

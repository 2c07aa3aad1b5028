"""The dictionary index: an embedded dictionary on disk, mapped into memory."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from biosyn.errors import InputError
from biosyn.files import canonical_json, library_versions, read_json, require_folder, write_json
from biosyn.index.arrays import CHECKSUM_BLOCK, PackedTexts, checksums, map_array, offsets_fit
from biosyn.index.key import FORMAT_VERSION, IndexKey
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
FORMAT = "biosyn dictionary index"
HEADER = "header.json"
_COUNTS = ("names", "hidden", "ngrams", "nonzero")  # N, H, V and the stored TF-IDF weights


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
            arrays[name] = map_array(folder / name, size, dtype, shapes[name])
        for name, end in (
            (OFFSETS, counts["nonzero"]),
            (NAMES_OFFSETS, len(arrays[NAMES])),
            (CUIS_OFFSETS, len(arrays[CUIS])),
        ):
            if not offsets_fit(arrays[name], end):
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

    def vectors(
        self, device: "torch.device | str" = "cpu", *, score_mode: str = "hybrid", streamed_above: int | None = None
    ) -> "NameVectors":
        """Return what retrieval works on; on a CPU it stays on disk until a row is touched.

        Parameters
        ----------
        score_mode
            ``hybrid``, ``dense`` or ``sparse``: a half that is not needed is left out.
        streamed_above
            So many bytes of vectors are held in memory; where there are more, a search reads them block by block and
            keeps none. None takes what suits the device.

        Raises
        ------
        InputError
            If a column of the TF-IDF rows lies outside the vocabulary.
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

    def verify(self, files: Sequence[str] = ARRAYS) -> None:
        """Compare every block of every file, or of some, with its checksum; nothing to do for an index in memory.

        Raises
        ------
        InputError
            If a block is not what was written: file and bytes are named.
        """
        if self.folder is None:
            return
        header = read_header(self.folder)
        for name in files:
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


# -- the header


@dataclass(frozen=True)
class Header:
    """``header.json``: what an index holds.

    Parameters
    ----------
    key
        What it was made of.
    counts
        ``names`` N, ``hidden`` H, ``ngrams`` V and ``nonzero``, the stored TF-IDF weights.
    files
        File name -> ``{"bytes": ..., "blake2b": [one for each 4 MiB]}``.
    libraries
        Versions that it was made with.
    """

    key: IndexKey
    counts: dict[str, int]
    files: dict[str, dict[str, Any]]
    libraries: dict[str, str]


def write_header(folder: Path, key: IndexKey, counts: dict[str, int], names: Iterable[str]) -> None:
    """Write ``header.json`` over the array files of the folder, which are complete by now."""
    files = {name: {"bytes": (folder / name).stat().st_size, "blake2b": checksums(folder / name)} for name in names}
    values = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "key": asdict(key),
        "counts": counts,
        "files": files,
        "libraries": library_versions(),
    }
    write_json(folder / HEADER, {**values, "sha256": hashlib.sha256(canonical_json(values)).hexdigest()})


def read_header(folder: Path) -> Header:
    """Read ``header.json``.

    Raises
    ------
    InputError
        If the folder is no index of ours, one of another format, or its header is damaged.
    """
    path = require_folder(folder) / HEADER
    if not path.is_file():
        raise InputError(f"is no dictionary index: it lacks {HEADER}", path=folder)
    values = read_json(path)
    if values.get("format") != FORMAT:
        raise InputError("is not the header of a dictionary index", path=path)
    if values.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"format_version is {values.get('format_version')}, this program reads {FORMAT_VERSION}: remove the index",
            path=path,
        )
    if values.pop("sha256", None) != hashlib.sha256(canonical_json(values)).hexdigest():
        raise InputError("is damaged (its own sha256 differs): remove the index", path=path)
    try:
        return Header(
            key=IndexKey(**values["key"]),
            counts={name: int(values["counts"][name]) for name in _COUNTS},
            files={str(name): dict(entry) for name, entry in values["files"].items()},
            libraries=dict(values["libraries"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"is damaged ({error!r}): remove the index", path=path) from error

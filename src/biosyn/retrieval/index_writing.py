"""Writing the arrays of a dictionary index; a builder that died is gone on with after its last block of names."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.files import library_versions
from biosyn.index.arrays import TEXT_BLOCK, ArrayWriter, allocate, map_array, release, text_blocks
from biosyn.index.dictionary_index import (
    ARRAYS,
    COLUMNS,
    CUIS,
    CUIS_OFFSETS,
    DENSE,
    DTYPES,
    NAMES,
    NAMES_OFFSETS,
    OFFSETS,
    TEXTS,
    VALUES,
    DictionaryIndex,
    write_header,
)
from biosyn.index.key import IndexKey
from biosyn.retrieval.build_progress import Progress, read_progress, write_progress
from biosyn.retrieval.dense_build import DenseFill, Embed, stored_vectors

if TYPE_CHECKING:
    from scipy import sparse

logger = logging.getLogger(__name__)

Tfidf = Callable[[Sequence[str]], "sparse.csr_matrix"]  # (n,) names -> (n, V)
_Begun = tuple[Progress, NDArray[Any] | None, DictionaryIndex | None]  # the dense array, the index vectors come from


@dataclass(frozen=True)
class IndexBuild:
    """An index to be made: its key, names and ids, and what embeds the names, ``block`` at a time."""

    key: IndexKey
    names: Sequence[str]
    cuis: Sequence[str]
    embed: Embed
    tfidf: Tfidf
    block: int

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("no names")

    def in_folder(self, folder: Path, closest: Callable[[], DictionaryIndex | None]) -> None:
        """Build it in the folder, or go on with what is there.

        Parameters
        ----------
        closest
            Finds an index in the folder's parent to take vectors from.
        """
        found = self._resumed(folder)
        progress, dense, known = self._begun(folder, closest()) if found is None else found
        fill = DenseFill(self.names, known)
        if known is not None and dense is None:
            dense = allocate(folder / DENSE, (len(self.names), known.dense.shape[1]), self.key.precision)
            fill.take_known(dense)
            progress = self._saved(folder, progress, dense, done=0)
        if progress.done:
            logger.info("going on after %d of %d names", progress.done, len(fill.missing))
        for start, vectors in self._blocks(fill, progress.done):
            if dense is None:
                dense = allocate(folder / DENSE, (len(self.names), vectors.shape[1]), self.key.precision)
            fill.put(dense, vectors, start=start)
            progress = self._saved(folder, progress, dense, done=start + len(vectors))
        counts = {name: getattr(progress, name) for name in ("hidden", "ngrams", "nonzero")}
        write_header(folder, self.key, {"names": len(self.names), **counts}, ARRAYS)

    def in_memory(self, known: DictionaryIndex | None) -> DictionaryIndex:
        """Return it without a folder."""
        pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in DTYPES}
        n_columns, _ = self._write_small(lambda name, values: pieces[name].append(values))
        arrays = {name: np.concatenate(pieces.pop(name)).astype(DTYPES[name], copy=False) for name in DTYPES}
        fill, dense = DenseFill(self.names, known), None
        if known is not None:
            dense = np.empty((len(self.names), known.dense.shape[1]), dtype=self.key.precision)
            fill.take_known(dense)
        for start, vectors in self._blocks(fill, 0):
            if dense is None:
                dense = np.empty((len(self.names), vectors.shape[1]), dtype=self.key.precision)
            fill.put(dense, vectors, start=start)
        assert dense is not None  # there is at least one name, known or missing
        return DictionaryIndex(self.key, {**arrays, DENSE: dense}, n_columns)

    def _resumed(self, folder: Path) -> "_Begun | None":
        """Return how far a builder that died has come, its dense array and the index that it took vectors from."""
        progress = read_progress(folder, block=self.block)
        if progress is None:
            return None
        path, shape = folder / DENSE, (len(self.names), progress.hidden)
        try:
            known = None if progress.known is None else DictionaryIndex.open(folder.parent / progress.known)
            if known is not None:
                known.verify(TEXTS)
            map_array(
                path, path.stat().st_size, np.dtype(self.key.precision), shape
            )  # opened to be written, it would grow
            dense = np.lib.format.open_memmap(path, mode="r+")  # type: ignore[no-untyped-call, unused-ignore]
        except (InputError, OSError) as error:
            logger.warning("what was built before cannot be gone on with: %s", error)
            return None
        return progress, dense, known

    def _begun(self, folder: Path, known: DictionaryIndex | None) -> "_Begun":
        """Write all arrays but the dense one."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()  # unlike mkdtemp's, as readable to others as the user's files are
        with ExitStack() as stack:
            writers = {name: stack.enter_context(ArrayWriter(folder / name, DTYPES[name])) for name in DTYPES}
            n_columns, nonzero = self._write_small(lambda name, values: writers[name].append(values))
        source = None if known is None or known.folder is None else known.folder.name
        return Progress(source, 0, n_columns, nonzero, 0, self.block, library_versions()), None, known

    def _saved(self, folder: Path, progress: Progress, dense: NDArray[Any], *, done: int) -> Progress:
        """Bring the vectors to the disk, and then write that they are there."""
        if isinstance(dense, np.memmap):
            dense.flush()
        release(dense)
        progress = replace(progress, hidden=dense.shape[1], done=done)
        write_progress(folder, progress)
        return progress

    def _blocks(self, fill: DenseFill, done: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Embed the missing names from ``done`` on: where each block begins, and its vectors (n, H) as stored."""
        for start in range(done, len(fill.missing), self.block):
            names = fill.missing[start : start + self.block]
            yield start, stored_vectors(self.embed, names, self.key.precision)

    def _write_small(self, append: Callable[[str, NDArray[Any]], None]) -> tuple[int, int]:
        """Give all arrays but the dense one, piece by piece; return V and the number of stored weights."""
        zero = np.zeros(1, dtype=np.int64)
        for name, offsets, texts in ((NAMES, NAMES_OFFSETS, self.names), (CUIS, CUIS_OFFSETS, self.cuis)):
            append(offsets, zero)
            for blob, ends in text_blocks(texts):
                append(name, np.frombuffer(blob, dtype=np.uint8))
                append(offsets, ends)
        append(OFFSETS, zero)
        n_columns, nonzero = 0, 0
        for start in range(0, len(self.names), TEXT_BLOCK):
            rows = self.tfidf(self.names[start : start + TEXT_BLOCK])  # (n, V)
            append(COLUMNS, rows.indices)
            append(VALUES, rows.data)
            append(OFFSETS, rows.indptr[1:].astype(np.int64) + nonzero)
            nonzero += int(rows.indptr[-1])
            n_columns = rows.shape[1]
        return n_columns, nonzero

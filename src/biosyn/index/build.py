"""Making a dictionary index: once, by one process, whole or not at all."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.files import discard, library_versions, read_json, remove_partial, write_json
from biosyn.index.arrays import TEXT_BLOCK, ArrayWriter, allocate, map_array, release, text_blocks
from biosyn.index.cache import building_folder, index_folders, locked
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
    read_header,
    write_header,
)
from biosyn.index.key import IndexKey, dictionary_sha256

if TYPE_CHECKING:
    from scipy import sparse

logger = logging.getLogger(__name__)
EMBED_BLOCK = 32_768  # names embedded at a time: their vectors exist twice for a while, and are lost with the process
IN_MEMORY_NAMES = 1_000_000  # with more, a folder that cannot be written to is an error: the vectors take gigabytes
PROGRESS = "progress.json"
COPY_BLOCK = 16_384  # rows copied at a time
Embed = Callable[[list[str]], NDArray[np.float32]]  # (n,) names -> (n, H)
Tfidf = Callable[[Sequence[str]], "sparse.csr_matrix"]  # (n,) names -> (n, V)


@dataclass(frozen=True)
class Progress:
    """What is complete in the folder of an index that is being built.

    All arrays but the dense one are, and in that one the vectors taken from another index and the first ``done`` names
    of those that had to be embedded.

    Parameters
    ----------
    known
        Key of the index that vectors were taken from; None where there was none.
    hidden, ngrams, nonzero
        As in the header.
    done
        How many distinct names are embedded: whole blocks of ``block`` names, or all.
    libraries
        Versions that they were embedded with.
    """

    known: str | None
    hidden: int
    ngrams: int
    nonzero: int
    done: int
    block: int
    libraries: dict[str, str]


_Begun = tuple[Progress, NDArray[Any] | None, DictionaryIndex | None]  # the dense array, the index vectors come from


def open_or_build(
    cache_dir: str | Path,
    key: IndexKey,
    *,
    names: Sequence[str],
    cuis: Sequence[str],
    embed: Embed,
    tfidf: Tfidf,
    embed_block: int = EMBED_BLOCK,
) -> DictionaryIndex:
    """Open the index of the key, or make it; several processes that ask at once make it once.

    Vectors of names which another index of the same encoders holds are taken from there. One that was killed goes on
    after its last block, to the same bytes. Where the folder cannot be written, a warning says so and the index is made
    in memory, with the same interface, unless it is too large for that.

    Parameters
    ----------
    names, cuis
        The N names and their ids, those of ``key.dictionary``.
    embed
        Gives the dense vectors of n names, shape (n, H); asked for each distinct name at most once, in the order of the
        dictionary, ``embed_block`` names at a time.
    tfidf
        Gives the TF-IDF rows of n names, CSR of shape (n, V).

    Raises
    ------
    InputError
        If a vector is not finite in the key's precision, or a large index cannot be written.
    """
    cache_dir = Path(cache_dir)
    folder = cache_dir / key.digest()
    with suppress(InputError, OSError):  # an OSError: a cache folder that may not even be looked into
        return DictionaryIndex.open(folder)
    if key.dictionary != dictionary_sha256(names, cuis):
        raise ValueError("key.dictionary is not the hash of these names and ids")
    build = IndexBuild(key, names, cuis, embed, tfidf, embed_block)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with locked(cache_dir, folder.name):
            return _open_or_build_locked(folder, build)
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        reason = getattr(error, "strerror", None) or str(error)
        if len(names) > IN_MEMORY_NAMES:
            message = f"cannot be written to ({reason}): free some space, or name another --cache_dir"
            raise InputError(f"{message}; the names embedded so far are kept", path=cache_dir) from error
        logger.warning("%s: cannot be written to (%s): the dictionary is embedded without a cache", cache_dir, reason)
    return build.in_memory(_closest(cache_dir, key, names))


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


def _open_or_build_locked(folder: Path, build: IndexBuild) -> DictionaryIndex:
    remove_partial(folder.parent, folder.name)
    if folder.exists():
        try:
            return DictionaryIndex.open(folder)  # another process has made it meanwhile
        except InputError as error:
            logger.warning("%s; it is made anew", error)
            discard(folder)
    stage = building_folder(folder)
    try:
        build.in_folder(stage, lambda: _closest(folder.parent, build.key, build.names))
    finally:
        if not (stage / PROGRESS).exists():  # or else what is embedded by now is gone on with: also after Ctrl-C
            shutil.rmtree(stage, ignore_errors=True)
    os.rename(stage, folder)  # noqa: PTH104 (the folder appears whole or not at all)
    (folder / PROGRESS).unlink(missing_ok=True)
    try:
        return DictionaryIndex.open(folder)
    except InputError as error:
        raise RuntimeError(f"an index that was just made cannot be opened: {error}") from error


def _closest(cache_dir: Path, key: IndexKey, names: Sequence[str]) -> DictionaryIndex | None:
    """Return the sound index of the same encoders that shares most names, if any."""
    indexes = list(_of_same_encoders(cache_dir, key))
    wanted = set(names if indexes else ())  # millions of names are not looked through for nothing
    shared = [(_shared(index, wanted), index.key.digest(), index) for index in indexes]
    for count, _, index in sorted(shared, key=lambda found: (-found[0], found[1])):
        if not count:
            break
        try:
            index.verify()  # or else its damage would go on under a fresh checksum
        except InputError as error:
            logger.warning("%s", error)
        else:
            logger.info("%d names are taken from the index %s", count, index.folder)
            return index
    return None


def _of_same_encoders(cache_dir: Path, key: IndexKey) -> Iterator[DictionaryIndex]:
    for folder in index_folders(cache_dir):
        try:
            if folder.name != key.digest() and read_header(folder).key.same_encoders(key):
                yield DictionaryIndex.open(folder)
        except InputError as error:
            logger.info("%s", error)


def _shared(index: DictionaryIndex, wanted: set[str]) -> int:
    """Return how many names of an index are wanted; none of one that is damaged."""
    try:
        return sum(name in wanted for name in index.names)
    except InputError as error:
        logger.info("%s: %s", index.folder, error)
        return 0


def write_progress(folder: Path, progress: Progress) -> None:
    """Write it whole or not at all; what it speaks of must be on disk before.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_json(folder / PROGRESS, asdict(progress))


def read_progress(folder: Path, *, block: int) -> Progress | None:
    """Return the progress of a folder; None where there is none that a build of these blocks can go on from.

    Other versions of the libraries round otherwise: half of the vectors would be of one, half of the other.
    """
    try:
        progress = Progress(**read_json(folder / PROGRESS))
    except (InputError, TypeError):
        return None
    numbers = (progress.hidden, progress.ngrams, progress.nonzero, progress.done)
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        return None
    return progress if (progress.block, progress.libraries) == (block, library_versions()) else None


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

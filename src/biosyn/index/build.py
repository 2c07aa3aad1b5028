"""Building a dictionary index: once, by one process, whole or not at all; a build that was killed is resumed."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.files import library_versions
from biosyn.index.arrays import (
    TEXT_BLOCK,
    ArrayWriter,
    allocate,
    map_array,
    map_for_writing,
    open_regular,
    release,
    text_blocks,
)
from biosyn.index.cache import building_folder, index_folders
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
)
from biosyn.index.header import (
    ForeignIndexError,
    OtherVersionError,
    as_os_error,
    read_header,
    read_values,
    write_header,
)
from biosyn.index.key import IndexKey
from biosyn.index.lock import locked
from biosyn.writing import discard, finish_folder, remove_leftovers, write_json

if TYPE_CHECKING:
    from scipy import sparse

logger = logging.getLogger(__name__)
EMBED_BLOCK = 32_768  # names embedded at a time: their vectors exist twice for a while, and are lost with the process
TEMPORARY_NAMES = 1_000_000  # with more, a cache that cannot be written to is an error: the vectors take gigabytes
PROGRESS = "progress.json"
COPY_BLOCK = 16_384  # rows copied at a time
Embed = Callable[[list[str]], NDArray[np.float32]]  # (n,) names -> (n, H)
Tfidf = Callable[[Sequence[str]], "sparse.csr_matrix"]  # (n,) names -> (n, V)


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
    """Open the index of the key, or build it; of several processes that ask at once, one builds it.

    Vectors of names that another index of the same encoders holds are copied from there. A build that was killed is
    resumed after its last block and gives the same bytes. A damaged index is built again. Where the cache cannot be
    written to, or the index in it must not be read, a warning says so and the index is built in a temporary folder,
    unless it is too large for that.

    Parameters
    ----------
    names, cuis
        The N names and their ids, those of ``key.dictionary``.
    embed
        Gives the dense vectors of n names, shape (n, H); called with each distinct name at most once, in the order of
        the dictionary, ``embed_block`` names at a time.
    tfidf
        Gives the TF-IDF rows of n names, CSR of shape (n, V).

    Raises
    ------
    InputError
        If a vector is not finite in the key's precision, or the index cannot be written anywhere.
    """
    cache_dir = Path(cache_dir)
    folder = cache_dir / key.folder_name()
    with suppress(InputError):
        return _opened(folder)
    build = IndexBuild(key, names, cuis, embed, tfidf, embed_block)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with locked(cache_dir, folder.name):
            return _open_or_build_locked(folder, build)
    except (OSError, NotImplementedError, ForeignIndexError) as error:  # the second: a file system without locks
        foreign = isinstance(error, ForeignIndexError)
        problem = str(error) if foreign else f"{cache_dir}: cannot be written to ({_reason(error)})"
        if len(names) > TEMPORARY_NAMES:
            what_to_do = "name another --cache_dir" if foreign else "free some space, or name another --cache_dir"
            raise InputError(f"{problem}: {what_to_do}; the names embedded so far are kept") from error
        logger.warning("%s: the dictionary is embedded without a cache", problem)
    return _built_without_cache(cache_dir, build)


def _opened(folder: Path) -> DictionaryIndex:
    index = DictionaryIndex.open(folder)
    index.verify_at_opening()
    return index


def _open_or_build_locked(folder: Path, build: "IndexBuild") -> DictionaryIndex:
    with suppress(OSError):  # somebody else's are in nobody's way
        remove_leftovers(folder.parent, folder.name)
    if os.path.lexists(folder):  # a link to nowhere too
        try:
            return _opened(folder)  # another process has built it meanwhile
        except ForeignIndexError:
            raise
        except InputError as error:
            _discard_damaged(folder, error)
            logger.warning("%s; it is built again", error)
    stage = building_folder(folder)
    try:
        build.in_folder(stage, lambda: closest_index(folder.parent, build.key, build.names))
    finally:
        if not (stage / PROGRESS).exists():  # else the next build resumes it, also after Ctrl-C
            shutil.rmtree(stage, ignore_errors=True)
    finish_folder(stage, folder)
    (folder / PROGRESS).unlink(missing_ok=True)
    return DictionaryIndex.open(folder)


def _discard_damaged(folder: Path, damage: InputError) -> None:
    try:
        discard(folder)
    except OSError as error:
        raise ForeignIndexError(f"{damage}, and it cannot be removed ({_reason(error)})") from error


def _built_without_cache(cache_dir: Path, build: "IndexBuild") -> DictionaryIndex:
    """Build in a temporary folder that is removed once its files are mapped: from then on they need no name."""
    try:
        with tempfile.TemporaryDirectory(prefix="biosyn-index-", ignore_cleanup_errors=True) as parent:
            folder = Path(parent, build.key.folder_name())
            build.in_folder(folder, lambda: closest_index(cache_dir, build.key, build.names))
            index = DictionaryIndex.open(folder)
    except OSError as error:
        message = f"neither this nor the temporary folder can be written to ({_reason(error)})"
        raise InputError(f"{message}: free some space, or name another --cache_dir", path=cache_dir) from error
    index.folder = None
    return index


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


# -- the files of an index


@dataclass(frozen=True)
class IndexBuild:
    """An index to build: its key, names and ids, and what embeds the names, ``block`` at a time."""

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
        """Build it in the folder, or resume the build that is there.

        Parameters
        ----------
        closest
            Finds an index to copy vectors from; not called for a build that is resumed.
        """
        progress, known = self._resumed(folder) or self._begun(folder, closest())
        fill = DenseFill(self.names, known)
        dense: NDArray[Any] | None = map_for_writing(folder / DENSE) if progress.hidden else None
        if known is not None and dense is None:
            dense = allocate(folder / DENSE, (len(self.names), known.dense.shape[1]), self.key.precision)
            fill.copy_known(dense)
            progress = _saved(folder, progress, dense, done=0)
        if progress.done:
            logger.info("resuming after %d of %d names", progress.done, len(fill.missing))
        for start in range(progress.done, len(fill.missing), self.block):
            vectors = stored_vectors(self.embed, fill.missing[start : start + self.block], self.key.precision)
            if dense is None:
                dense = allocate(folder / DENSE, (len(self.names), vectors.shape[1]), self.key.precision)
            fill.put(dense, vectors, start=start)
            progress = _saved(folder, progress, dense, done=start + len(vectors))
        write_header(folder, self.key, {"names": len(self.names), **asdict(progress)}, ARRAYS)

    def _resumed(self, folder: Path) -> "tuple[Progress, DictionaryIndex | None] | None":
        """Return how far a build that was killed has come, and the index that it copied vectors from."""
        progress = read_progress(folder, block=self.block)
        if progress is None:
            return None
        path, shape = folder / DENSE, (len(self.names), progress.hidden)
        try:
            known = None if progress.known is None else DictionaryIndex.open(folder.parent / progress.known)
            if known is not None:
                known.verify(TEXTS)
            with open_regular(path) as file:
                map_array(file, path, np.dtype(self.key.precision), shape)
        except (InputError, OSError) as error:
            logger.warning("cannot resume the earlier build: %s", error)
            return None
        return progress, known

    def _begun(self, folder: Path, known: DictionaryIndex | None) -> "tuple[Progress, DictionaryIndex | None]":
        """Write all arrays but the dense one."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()  # unlike mkdtemp's, as readable to others as the user's files are
        with ExitStack() as stack:
            files = {name: stack.enter_context(ArrayWriter(folder / name, DTYPES[name])) for name in DTYPES}
            self._write_texts(files)
            n_columns, nonzero = self._write_tfidf(files)
        source = None if known is None or known.folder is None else known.folder.name
        return Progress(source, 0, n_columns, nonzero, 0, self.block, library_versions()), known

    def _write_texts(self, files: dict[str, ArrayWriter]) -> None:
        for name, offsets, texts in ((NAMES, NAMES_OFFSETS, self.names), (CUIS, CUIS_OFFSETS, self.cuis)):
            files[offsets].append(np.zeros(1, dtype=np.int64))
            for blob, ends in text_blocks(texts):
                files[name].append(np.frombuffer(blob, dtype=np.uint8))
                files[offsets].append(ends)

    def _write_tfidf(self, files: dict[str, ArrayWriter]) -> tuple[int, int]:
        """Return V and the number of stored weights."""
        files[OFFSETS].append(np.zeros(1, dtype=np.int64))
        n_columns, nonzero = 0, 0
        for start in range(0, len(self.names), TEXT_BLOCK):
            rows = self.tfidf(self.names[start : start + TEXT_BLOCK])  # (n, V)
            if not np.isfinite(rows.data).all():
                raise InputError("some TF-IDF weights of the dictionary's names are not finite: the model is damaged")
            files[COLUMNS].append(rows.indices)
            files[VALUES].append(rows.data)
            files[OFFSETS].append(rows.indptr[1:].astype(np.int64) + nonzero)
            nonzero += int(rows.indptr[-1])
            n_columns = rows.shape[1]
        return n_columns, nonzero


class DenseFill:
    """Fills the (N, H) array of a dictionary.

    Parameters
    ----------
    names
        N names.
    known
        An index of the same encoders; the vectors of names that it holds are copied from it.
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

    def copy_known(self, dense: NDArray[Any]) -> None:
        """Copy the vectors of the known index."""
        assert self._known is not None
        for start in range(0, len(self._ids), COPY_BLOCK):
            rows = self._source[self._ids[start : start + COPY_BLOCK]]
            shared = np.flatnonzero(rows >= 0)
            dense[start + shared] = self._known.dense[rows[shared]]
        self._known.verify((DENSE,), anew=False)  # has not changed while it was copied

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


def stored_vectors(embed: Embed, names: list[str], precision: str) -> NDArray[Any]:
    """Return the vectors of some names as they are stored; an InputError if one is not finite then."""
    vectors = embed(names)
    if vectors.ndim != 2 or len(vectors) != len(names):
        raise ValueError(f"embed gave {vectors.shape} for {len(names)} names")
    with np.errstate(over="ignore"):
        rounded = vectors.astype(precision, copy=False)
    if not np.isfinite(rounded).all():
        what = "too large for float16: use float32" if np.isfinite(vectors).all() else "not finite"
        raise InputError(f"some vectors of the dictionary's names are {what}")
    return rounded


# -- how far a build has come


@dataclass(frozen=True)
class Progress:
    """What is complete in the folder of an index that is being built.

    All arrays but the dense one are complete; the dense one has the vectors copied from another index and those of the
    first ``done`` names that had to be embedded.

    Parameters
    ----------
    known
        Folder name of the index that vectors were copied from; None if there was none.
    hidden, ngrams, nonzero
        As in the header; ``hidden`` is 0 as long as there is no dense array.
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


def _saved(folder: Path, progress: Progress, dense: NDArray[Any], *, done: int) -> Progress:
    """Write the vectors to the disk first, and then that they are there."""
    if isinstance(dense, np.memmap):
        dense.flush()
    release(dense)
    progress = replace(progress, hidden=dense.shape[1], done=done)
    with as_os_error():
        write_json(folder / PROGRESS, asdict(progress))
    return progress


def read_progress(folder: Path, *, block: int) -> Progress | None:
    """Return the progress of a folder; None if there is none that a build with these blocks can resume.

    Other versions of the libraries round differently: half of the vectors would be from one, half from the other.
    """
    try:
        progress = Progress(**read_values(folder / PROGRESS))
    except (InputError, TypeError):
        return None
    numbers = (progress.hidden, progress.ngrams, progress.nonzero, progress.done)
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        return None
    return progress if (progress.block, progress.libraries) == (block, library_versions()) else None


# -- indexes to copy vectors from


def closest_index(cache_dir: Path, key: IndexKey, names: Sequence[str]) -> DictionaryIndex | None:
    """Return the undamaged index of the same encoders that shares most names, if any."""
    wanted: set[str] = set()  # filled only if needed: there may be millions of names
    shared = []
    for index in _of_same_encoders(cache_dir, key):
        wanted = wanted or set(names)
        shared.append((_count_shared(index, wanted), index.key.folder_name()))  # each is closed again
    for count, name in sorted(shared, key=lambda found: (-found[0], found[1])):
        if not count:
            break
        try:
            index = DictionaryIndex.open(cache_dir / name)
            index.verify()  # or its damage would get a fresh checksum
        except InputError as error:
            logger.warning("%s", error)
        else:
            logger.info("the vectors of %d names are copied from the index %s", count, index.folder)
            return index
    return None


def _of_same_encoders(cache_dir: Path, key: IndexKey) -> Iterator[DictionaryIndex]:
    for folder in index_folders(cache_dir):
        try:
            if folder.name != key.folder_name() and read_header(folder, IndexKey).key.same_encoders(key):
                yield DictionaryIndex.open(folder)
        except OtherVersionError:
            continue
        except InputError as error:
            logger.info("%s", error)


def _count_shared(index: DictionaryIndex, wanted: set[str]) -> int:
    """Return how many names of an index are wanted; 0 if its names are damaged."""
    try:
        return sum(name in wanted for name in index.names)
    except InputError as error:
        logger.info("%s: %s", index.folder, error)
        return 0

"""Making a dictionary index: once, by one process, whole or not at all."""

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biosyn.errors import InputError
from biosyn.retrieval.index import (
    ARRAYS,
    COLUMNS,
    CUIS,
    CUIS_OFFSETS,
    DENSE,
    DTYPES,
    NAMES,
    NAMES_OFFSETS,
    OFFSETS,
    VALUES,
    DictionaryIndex,
)
from biosyn.retrieval.index_cache import index_folders, locked
from biosyn.retrieval.index_files import (
    TEXT_BLOCK,
    ArrayWriter,
    IndexKey,
    allocate,
    dictionary_sha256,
    read_header,
    text_blocks,
    write_header,
)
from biosyn.whole_folders import discard, partial_folder, remove_partial

if TYPE_CHECKING:
    from scipy import sparse

logger = logging.getLogger(__name__)

EMBED_BLOCK = 131_072  # names embedded at a time: their vectors exist twice for a while
COPY_BLOCK = 16_384  # rows copied at a time

# (n,) names -> (n, H) and (n, V)
Embed = Callable[[list[str]], NDArray[np.float32]]
Tfidf = Callable[[Sequence[str]], "sparse.csr_matrix"]


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

    Vectors of names which another index of the same encoders holds are taken from there. Where the folder cannot be
    written, a warning says so and the index is made in memory, with the same interface.

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
        If a vector is not finite in the key's precision.
    """
    cache_dir = Path(cache_dir)
    folder = cache_dir / key.digest()
    with suppress(InputError, OSError):  # an OSError: a cache folder that may not even be looked into
        return DictionaryIndex.open(folder)
    if key.dictionary != dictionary_sha256(names, cuis):
        raise ValueError("key.dictionary is not the hash of these names and ids")
    build = _Build(key, names, cuis, embed, tfidf, embed_block)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with locked(cache_dir, folder.name):
            return _open_or_build_locked(folder, build)
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        reason = getattr(error, "strerror", None) or str(error)
        logger.warning("%s: cannot be written to (%s): the dictionary is embedded without a cache", cache_dir, reason)
    return build.in_memory(_closest(cache_dir, key, names))


def _open_or_build_locked(folder: Path, build: "_Build") -> DictionaryIndex:
    remove_partial(folder.parent, folder.name)
    if folder.exists():
        try:
            return DictionaryIndex.open(folder)  # another process has made it meanwhile
        except InputError as error:
            logger.warning("%s; it is made anew", error)
            discard(folder)
    stage = partial_folder(folder, "new")
    stage.mkdir()  # unlike mkdtemp's, as readable to others as the user's files are
    try:
        build.in_folder(stage, _closest(folder.parent, build.key, build.names))
        os.rename(stage, folder)  # noqa: PTH104 (the folder appears whole or not at all)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    try:
        return DictionaryIndex.open(folder)
    except InputError as error:
        raise RuntimeError(f"an index that was just made cannot be opened: {error}") from error


@dataclass(frozen=True)
class _Build:
    key: IndexKey
    names: Sequence[str]
    cuis: Sequence[str]
    embed: Embed
    tfidf: Tfidf
    embed_block: int

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("no names")

    def in_folder(self, folder: Path, known: DictionaryIndex | None) -> None:
        with ExitStack() as stack:
            writers = {name: stack.enter_context(ArrayWriter(folder / name, DTYPES[name])) for name in DTYPES}
            n_columns, nonzero = self._write_small(lambda name, values: writers[name].append(values))
        dense = self._dense(known, lambda hidden: allocate(folder / DENSE, (len(self.names), hidden), self.precision))
        hidden = dense.shape[1]
        if isinstance(dense, np.memmap):
            dense.flush()
        counts = {"names": len(self.names), "hidden": hidden, "ngrams": n_columns, "nonzero": nonzero}
        write_header(folder, self.key, counts, ARRAYS)

    def in_memory(self, known: DictionaryIndex | None) -> DictionaryIndex:
        pieces: dict[str, list[NDArray[Any]]] = {name: [] for name in DTYPES}
        n_columns, _ = self._write_small(lambda name, values: pieces[name].append(values))
        arrays = {name: np.concatenate(pieces.pop(name)).astype(DTYPES[name], copy=False) for name in DTYPES}
        arrays[DENSE] = self._dense(known, lambda hidden: np.empty((len(self.names), hidden), dtype=self.precision))
        return DictionaryIndex(self.key, arrays, n_columns)

    @property
    def precision(self) -> np.dtype[Any]:
        return np.dtype(self.key.precision)

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

    def _dense(self, known: DictionaryIndex | None, make: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
        """Fill the (N, H) array that ``make`` gives for H: known vectors first, then the others block by block."""
        id_of: dict[str, int] = {}
        ids = np.fromiter((id_of.setdefault(name, len(id_of)) for name in self.names), np.int64)  # (N,)
        source = np.full(len(id_of), -1, dtype=np.int64)  # distinct name -> row of the known index
        dense = None
        if known is not None:
            for row, name in enumerate(known.names):
                if (found := id_of.get(name)) is not None:
                    source[found] = row
            dense = make(known.dense.shape[1])
            for start in range(0, len(ids), COPY_BLOCK):
                rows = source[ids[start : start + COPY_BLOCK]]
                shared = np.flatnonzero(rows >= 0)
                dense[start + shared] = known.dense[rows[shared]]
        missing = [name for name, found in zip(id_of, source, strict=True) if found < 0]
        missing_ids = np.flatnonzero(source < 0)
        place = np.full(len(id_of), -1, dtype=np.int64)  # distinct name -> row of the block
        for start in range(0, len(missing), self.embed_block):
            block = missing[start : start + self.embed_block]
            vectors = self._checked(self.embed(block), len(block))  # (n, H)
            if dense is None:
                dense = make(vectors.shape[1])
            if vectors.shape[1] != dense.shape[1]:
                raise ValueError(f"embed gave vectors of {vectors.shape[1]} numbers after others of {dense.shape[1]}")
            place[missing_ids[start : start + self.embed_block]] = np.arange(len(block))
            rows = np.flatnonzero(place[ids] >= 0)
            for first in range(0, len(rows), COPY_BLOCK):
                some = rows[first : first + COPY_BLOCK]
                dense[some] = vectors[place[ids[some]]]
            place[missing_ids[start : start + self.embed_block]] = -1
        assert dense is not None  # there is at least one name, known or missing
        return dense

    def _checked(self, vectors: NDArray[np.float32], count: int) -> NDArray[Any]:
        if vectors.ndim != 2 or len(vectors) != count:
            raise ValueError(f"embed gave {vectors.shape} for {count} names")
        with np.errstate(over="ignore"):
            rounded = vectors.astype(self.precision, copy=False)
        if not np.isfinite(rounded).all():
            what = "too large for float16: use float32" if np.isfinite(vectors).all() else "not finite"
            raise InputError(f"some vectors of the dictionary's names are {what}")
        return rounded


def _closest(cache_dir: Path, key: IndexKey, names: Sequence[str]) -> DictionaryIndex | None:
    """Return the sound index of the same encoders that shares most names, if any."""
    wanted = set(names)
    shared: list[tuple[int, str, DictionaryIndex]] = []
    for folder in index_folders(cache_dir):
        try:
            index = DictionaryIndex.open(folder) if read_header(folder).key.same_encoders(key) else None
            if index is not None and folder.name != key.digest():
                count = sum(name in wanted for name in index.names)
                shared.append((count, folder.name, index))
        except InputError as error:
            logger.info("%s", error)
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

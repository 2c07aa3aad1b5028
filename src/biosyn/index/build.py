"""Making a dictionary index: once, by one process, whole or not at all."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from biosyn.errors import InputError
from biosyn.index.cache import building_folder, index_folders, locked
from biosyn.index.dictionary_index import DictionaryIndex, read_header
from biosyn.index.key import IndexKey, dictionary_sha256
from biosyn.retrieval.build_progress import PROGRESS
from biosyn.retrieval.dense_build import Embed
from biosyn.retrieval.index_writing import IndexBuild, Tfidf
from biosyn.whole_folders import discard, remove_partial

logger = logging.getLogger(__name__)

EMBED_BLOCK = 32_768  # names embedded at a time: their vectors exist twice for a while, and are lost with the process

IN_MEMORY_NAMES = 1_000_000  # with more, a folder that cannot be written to is an error: the vectors take gigabytes


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

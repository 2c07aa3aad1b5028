"""The folders of a cache of dictionary indexes: listed, removed, locked."""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from biosyn.errors import InputError
from biosyn.files import discard, remove_partial
from biosyn.index.approximate import ann_summaries
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.key import DIGEST_LENGTH

logger = logging.getLogger(__name__)
BUILDING = ".building"  # how the name of a half-built index ends


@dataclass(frozen=True)
class IndexEntry:
    """One index of a cache folder; ``problem`` says why it cannot be opened, None where it can."""

    key: str  # the folder's name
    folder: Path
    n_bytes: int
    n_names: int  # 0 where unknown
    precision: str  # "" where unknown
    problem: str | None = None
    approximate: tuple[dict[str, Any], ...] = ()  # its approximate indexes, as `AnnHeader.summary` tells them


def list_indexes(cache_dir: str | Path) -> list[IndexEntry]:
    """Return the indexes of a cache folder, sorted by key; none where there is no such folder."""
    entries = []
    for folder in index_folders(Path(cache_dir)):
        try:
            n_bytes = _bytes_in(folder)
        except OSError:  # removed meanwhile
            continue
        try:
            index = DictionaryIndex.open(folder)
        except InputError as error:
            entries.append(IndexEntry(folder.name, folder, n_bytes, 0, "", str(error)))
        else:
            found = tuple(ann_summaries(index))
            entries.append(IndexEntry(folder.name, folder, n_bytes, len(index), index.key.precision, approximate=found))
    return entries


def list_unfinished(cache_dir: str | Path) -> dict[str, int]:
    """Return key -> bytes of the indexes that are being built, or whose builders died."""
    found = {}
    for folder in sorted(Path(cache_dir).glob(f".*{BUILDING}")):
        with suppress(OSError):  # finished meanwhile
            found[folder.name[1:].removesuffix(BUILDING)] = _bytes_in(folder)
    return found


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def find_indexes(cache_dir: str | Path, key_prefix: str | None = None) -> list[Path]:
    """Return the folder of the one index whose key begins so, or of every index, sorted by key.

    Raises
    ------
    InputError
        If no index, or more than one, begins so.
    """
    folders = index_folders(Path(cache_dir))
    keys = _begun_with(key_prefix, {folder.name for folder in folders}, cache_dir)
    return [folder for folder in folders if folder.name in keys]


def _begun_with(key_prefix: str | None, keys: set[str], cache_dir: str | Path) -> set[str]:
    """Return the one key that begins so, or all; an InputError where none begins so, or more than one."""
    if key_prefix is None:
        return keys
    found = {key for key in keys if key.startswith(key_prefix)}
    if len(found) != 1:
        number = "several indexes begin" if found else "no index begins"
        raise InputError(f"{number} with '{key_prefix}': see biosyn cache ls", path=cache_dir)
    return found


def remove_index(cache_dir: str | Path, key_prefix: str | None = None) -> list[str]:
    """Remove one index, or all, and what builders that died have left; return the keys of both.

    The empty lock files stay: removing one under a process that waits for it would let two build at once.

    Parameters
    ----------
    key_prefix
        The first digits of one key, of a half-built index too; None for every index.

    Raises
    ------
    InputError
        If no index, or more than one, begins so; if one is being built; or if the folder cannot be changed.
    """
    cache_dir = Path(cache_dir)
    # a builder that died may have left its part only
    parts = [path for pattern in (".*.partial-*", f".*{BUILDING}") for path in cache_dir.glob(pattern)]
    known = {path.name[1:].partition(".")[0] for path in parts} | {folder.name for folder in index_folders(cache_dir)}
    keys = _begun_with(key_prefix, known, cache_dir)
    for key in sorted(keys):
        folder = cache_dir / key
        try:
            with locked(cache_dir, key, wait=False):
                remove_partial(cache_dir, key)
                shutil.rmtree(building_folder(folder), ignore_errors=True)
                if folder.exists():
                    discard(folder)
        except Timeout as error:
            raise InputError("is being built by another process: try again later", path=folder) from error
        except (OSError, NotImplementedError) as error:
            raise InputError(f"cannot be removed: {getattr(error, 'strerror', None) or error}", path=folder) from error
    return sorted(keys)


def index_folders(cache_dir: Path) -> list[Path]:
    """Return the folders that are named as indexes are, sorted."""
    try:
        return sorted(path for path in cache_dir.iterdir() if _is_digest(path.name) and path.is_dir())
    except OSError:  # not there yet, or not ours to read
        return []


def _is_digest(name: str) -> bool:
    return len(name) == DIGEST_LENGTH and not set(name) - set("0123456789abcdef")


def building_folder(folder: Path) -> Path:
    """Return the place beside an index where it is built; the next builder goes on with what one that died has left."""
    return folder.with_name(f".{folder.name}{BUILDING}")


@contextmanager
def locked(cache_dir: Path, key: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a key; the system lets it go when a process dies. A Timeout where it is taken and no wait."""
    lock = FileLock(cache_dir / f"{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not wait:
            raise
        logger.info("another process is making the index %s: waiting for it", key)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


# -- the cache folder and what is remembered of encoders in it


def default_cache_dir() -> Path:
    """Return $BIOSYN_CACHE, or else ``biosyn`` in the platform's folder for caches."""
    chosen = os.environ.get("BIOSYN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        xdg = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"  # a relative one is to be ignored
    return base / "biosyn"

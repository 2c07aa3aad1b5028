"""The cache of dictionary indexes: where it is, and its folders, listed, verified and removed."""

import logging
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from biosyn.errors import InputError
from biosyn.index.dictionary_index import DictionaryIndex
from biosyn.index.header import ForeignIndexError, OtherVersionError, ann_folders, ann_summary, read_header
from biosyn.index.key import DIGEST_LENGTH, AnnKey
from biosyn.index.lock import holder, locked
from biosyn.writing import discard, remove_leftovers

logger = logging.getLogger(__name__)
BUILDING = ".building"  # the end of the name of a half-built index


def default_cache_dir() -> Path:
    """Return $BIOSYN_CACHE, or else ``biosyn`` in the platform's folder for caches."""
    chosen = os.environ.get("BIOSYN_CACHE")
    if chosen and not chosen.strip():
        raise InputError("$BIOSYN_CACHE is blank: name a folder, or unset it")
    try:
        return Path(chosen).expanduser() if chosen else _folder_for_caches() / "biosyn"
    except RuntimeError as error:  # no HOME and no entry in the list of users, or ~NAME of nobody
        where = f"$BIOSYN_CACHE ({chosen})" if chosen else "HOME is not set, and the user's cache"
        raise InputError(f"{where} leads to no home folder: name a folder by --cache_dir or $BIOSYN_CACHE") from error


def _folder_for_caches() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"  # the standard ignores a relative one


@dataclass(frozen=True)
class IndexEntry:
    """One index of a cache folder; ``problem`` says why it cannot be opened, and is None if it can."""

    key: str  # the folder's name
    folder: Path
    n_bytes: int
    n_names: int  # 0 where unknown
    precision: str  # of the stored vectors; "" where unknown
    compute: str  # in which they were computed; "" where unknown
    problem: str | None = None
    approximate: tuple[dict[str, Any], ...] = ()  # the summary of each of its approximate indexes, or its problem


def list_indexes(cache_dir: str | Path) -> list[IndexEntry]:
    """Return the indexes of a cache folder, of any format, sorted by key; none if there is no such folder.

    Whatever has the name of an index and cannot be opened as one is listed with the reason. A folder that must not be
    listed is an InputError.
    """
    cache_dir = Path(cache_dir)
    try:
        os.scandir(cache_dir).close()
    except PermissionError as error:
        raise InputError(f"cannot be listed: {error.strerror}", path=cache_dir) from error
    except OSError:
        return []
    return [_entry(folder) for folder in index_folders(cache_dir) if os.path.lexists(folder)]


def _entry(folder: Path) -> IndexEntry:
    n_bytes = _bytes_in(folder)
    try:
        index = DictionaryIndex.open(folder)
    except InputError as error:
        forbidden = isinstance(error, ForeignIndexError)
        leads_nowhere = folder.is_symlink() and not forbidden and not os.path.exists(folder)
        problem = f"{folder}: is a link to {folder.readlink()}, which is not there" if leads_nowhere else str(error)
        return IndexEntry(folder.name, folder, n_bytes, 0, "", "", problem)
    found = tuple(map(_summary, ann_folders(folder)))
    return IndexEntry(
        folder.name, folder, n_bytes, len(index), index.key.precision, index.key.compute, approximate=found
    )


def _summary(folder: Path) -> dict[str, Any]:
    try:
        header = read_header(folder, AnnKey)
    except InputError as error:
        return {"problem": str(error)}
    return ann_summary(header.key, header.measured)


def list_unfinished(cache_dir: str | Path) -> dict[str, int]:
    """Return key -> bytes of the indexes that are being built, or whose build was killed."""
    found = {}
    for folder in sorted(Path(cache_dir).glob(f".*{BUILDING}")):
        found[folder.name[1:].removesuffix(BUILDING)] = _bytes_in(folder)
    return found


def _bytes_in(folder: Path) -> int:
    """Return the bytes of the files in a folder that may be seen."""
    total = 0
    for parent, _, names in os.walk(folder):  # passes over what must not be read
        for name in names:
            with suppress(OSError):  # removed meanwhile
                total += os.lstat(Path(parent, name)).st_size
    return total


def verify_indexes(cache_dir: str | Path, key_prefix: str | None = None) -> list[str]:
    """Compare every block of one index, or of all, and of their approximate indexes with its checksum; return the keys.

    Damage is an InputError, and so is a key that begins no index, or several. Of all indexes, those of another version
    of the program and those that must not be read are left out, with a warning.
    """
    folders = index_folders(Path(cache_dir))
    keys = _begun_with(key_prefix, {folder.name for folder in folders}, cache_dir)
    sound = []
    for key in sorted(keys):
        folder = Path(cache_dir, key)
        try:
            DictionaryIndex.open(folder).verify()
            for approximate in ann_folders(folder):
                read_header(approximate, AnnKey).verify(approximate)
        except (OtherVersionError, ForeignIndexError) as error:
            if key_prefix is not None:
                raise
            logger.warning("%s", error)
        else:
            sound.append(key)
    return sound


def remove_index(cache_dir: str | Path, key_prefix: str | None = None) -> list[str]:
    """Remove one index, or all, and what killed builds have left; return the keys of both.

    The empty lock files stay: if one were removed while a process waits for it, two could build at once.

    Parameters
    ----------
    key_prefix
        The first digits of one key, of a half-built index too; None for every index.

    Raises
    ------
    InputError
        If no key, or more than one, begins so; or if one of them is being built, or cannot be removed: the others are.
    """
    cache_dir = Path(cache_dir)
    # a killed build may have left a part only
    parts = [path for pattern in (".*.partial-*", f".*{BUILDING}") for path in cache_dir.glob(pattern)]
    known = {path.name[1:].partition(".")[0] for path in parts} | {folder.name for folder in index_folders(cache_dir)}
    keys = _begun_with(key_prefix, known, cache_dir)
    removed, problems = [], []
    for key in sorted(keys):
        try:
            _remove(cache_dir, key)
            removed.append(key)
        except InputError as error:
            problems.append(error)
    for problem in problems[1:]:
        logger.warning("%s", problem)
    if problems:
        raise problems[0]
    return removed


def _remove(cache_dir: Path, key: str) -> None:
    folder = cache_dir / key
    try:
        with locked(cache_dir, key, wait=False):
            remove_leftovers(cache_dir, key)
            shutil.rmtree(building_folder(folder), ignore_errors=True)
            if os.path.lexists(folder):
                discard(folder)
    except Timeout as error:
        who = holder(cache_dir, key)
        raise InputError(f"is being built by {who}: try again later", path=folder) from error
    except (OSError, NotImplementedError) as error:
        raise InputError(f"cannot be removed: {getattr(error, 'strerror', None) or error}", path=folder) from error


def _begun_with(key_prefix: str | None, keys: set[str], cache_dir: str | Path) -> set[str]:
    """Return the one key that begins so, or all; an InputError if none begins so, or more than one."""
    if key_prefix is None:
        return keys
    if not key_prefix:  # of a variable that is not set, where one index is there
        raise InputError("the key is empty: give the first digits of one, see biosyn cache ls", path=cache_dir)
    found = {key for key in keys if key.startswith(key_prefix)}
    if len(found) != 1:
        number = "several indexes begin" if found else "no index begins"
        raise InputError(f"{number} with '{key_prefix}': see biosyn cache ls", path=cache_dir)
    return found


def index_folders(cache_dir: Path) -> list[Path]:
    """Return what has the name of an index, sorted: folders, and whatever else somebody has put there."""
    try:
        return sorted(path for path in cache_dir.iterdir() if _is_digest(path.name))
    except OSError:  # not there yet, or not ours to read
        return []


def _is_digest(name: str) -> bool:
    return len(name) == DIGEST_LENGTH and not set(name) - set("0123456789abcdef")


def building_folder(folder: Path) -> Path:
    """Return the place next to an index where it is built; the next build resumes what a killed one has left there."""
    return folder.with_name(f".{folder.name}{BUILDING}")

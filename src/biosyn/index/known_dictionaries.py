"""A dictionary file whose names an index of the cache holds is not read again: its sha256 tells which index that is."""

from pathlib import Path

from biosyn.data.dictionary import DictionaryDataset
from biosyn.errors import InputError
from biosyn.files import read_json, sha256_of, write_json
from biosyn.index.cache import default_cache_dir, index_folders
from biosyn.index.dictionary_index import TEXTS, DictionaryIndex, read_header
from biosyn.index.key import dictionary_sha256

RECORD = "dictionaries.json"
RECORD_VERSION = 1  # another one where a file is read in another way
KEPT = 64  # files remembered


def open_dictionary(path: str | Path, *, cache_dir: str | Path | None = None) -> DictionaryDataset:
    """Return the names of a dictionary file: those that an index in the cache holds, or else read from the file.

    The file's bytes are hashed each time, so a changed file is another file; what the index holds is compared with its
    checksums. Millions of names are then there in a second, and on disk instead of in memory.

    Parameters
    ----------
    cache_dir
        Where indexes are kept; None takes the usual place.

    Raises
    ------
    InputError
        As `DictionaryDataset`, for a file that was not read before.
    """
    path = Path(path)
    cache = default_cache_dir() if cache_dir is None else Path(cache_dir)
    if not path.is_file():  # missing, or a pipe, which can be read only once
        return DictionaryDataset(path)
    before, file = path.stat(), sha256_of(path)
    known = _remembered(cache)
    if file in known and (index := _index_of(cache, known[file])) is not None:
        return DictionaryDataset.of_texts(path, index.names, index.cuis, content_sha256=known[file])
    dictionary = DictionaryDataset(path)
    dictionary.content_sha256 = dictionary_sha256(dictionary.names, dictionary.cuis)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino):
        _remember(cache, {**known, file: dictionary.content_sha256})
    return dictionary


def _index_of(cache: Path, content: str) -> DictionaryIndex | None:
    """Return an index of these names, of whichever model, whose texts are as they were written."""
    for folder in index_folders(cache):
        try:
            if read_header(folder).key.dictionary == content:
                index = DictionaryIndex.open(folder)
                index.verify(TEXTS)
                return index
        except InputError:  # damaged: told, and mended, when its own model asks for it
            continue
    return None


def _remembered(cache: Path) -> dict[str, str]:
    """Return sha256 of a file -> `dictionary_sha256` of its names; nothing where the record is missing or damaged."""
    try:
        record = read_json(cache / RECORD)
    except InputError:
        return {}
    known = record.get("files")
    if record.get("version") != RECORD_VERSION or not isinstance(known, dict):
        return {}
    return {file: content for file, content in known.items() if isinstance(content, str)}


def _remember(cache: Path, known: dict[str, str]) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_json(cache / RECORD, {"version": RECORD_VERSION, "files": dict(list(known.items())[-KEPT:])})
    except (OSError, InputError):
        pass  # the caller is told when the index itself cannot be written

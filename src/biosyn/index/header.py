"""``header.json``, the same for both kinds of index: what it is of, its sizes, and the checksums of its files."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from biosyn.errors import InputError
from biosyn.files import canonical_json, library_versions, read_json, require_folder
from biosyn.index.arrays import checksums, open_regular
from biosyn.index.key import ANN_PREFIX, FORMAT_VERSION, AnnKey, IndexKey
from biosyn.index.mapped import damaged_block
from biosyn.writing import write_json

HEADER = "header.json"
Key = TypeVar("Key", IndexKey, AnnKey)


class OtherVersionError(InputError):
    """An index that another version of the program wrote: it is not damaged, and not used."""


class ForeignIndexError(InputError):
    """An index that the system does not let us read: it is somebody else's, and is neither used nor removed."""


@contextmanager
def foreign_if_forbidden() -> Iterator[None]:
    """Turn a PermissionError, also one that became an InputError, into a `ForeignIndexError`."""
    try:
        yield
    except PermissionError as error:
        raise ForeignIndexError(f"cannot be read: {error.strerror}", path=error.filename) from error
    except InputError as error:
        if isinstance(error.__cause__, PermissionError):
            raise ForeignIndexError(str(error)) from error.__cause__
        raise


@contextmanager
def as_os_error() -> Iterator[None]:
    """Raise the OSError itself where a small file cannot be written: the caller has another place for the index."""
    try:
        yield
    except InputError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise


@dataclass(frozen=True)
class Header(Generic[Key]):
    """What an index holds.

    Parameters
    ----------
    key
        What it was made of; it gives the folder its name.
    counts
        The sizes that the kind of key lists.
    files
        File name -> what `checksums` returns. Earlier programs wrote no crc32.
    measured
        The recall of an approximate index against the exact search, and how that was measured.
    libraries
        Versions that it was made with.
    """

    key: Key
    counts: dict[str, int]
    files: dict[str, dict[str, Any]]
    measured: dict[str, float]
    libraries: dict[str, str]

    def verify(self, folder: Path, files: Iterable[str] | None = None) -> None:
        """Compare every block of every file, or of some, with its checksum; the InputError names file and bytes."""
        for name in self.files if files is None else files:
            path, expected = folder / name, self.files.get(name, {}).get("blake2b", [])
            try:
                found = checksums(path)["blake2b"]
            except OSError as error:
                raise InputError(f"cannot be read: {error.strerror}", path=path) from error
            for block in range(max(len(found), len(expected))):
                if found[block : block + 1] != expected[block : block + 1]:
                    raise damaged_block(path, block)


def write_header(
    folder: Path,
    key: IndexKey | AnnKey,
    counts: Mapping[str, int],
    names: Iterable[str],
    *,
    measured: Mapping[str, float] | None = None,
) -> None:
    """Write ``header.json`` next to the named files of the folder, which are complete by now."""
    values = {
        "format": key.format,
        "format_version": FORMAT_VERSION,
        "key": asdict(key),
        "counts": {name: counts[name] for name in key.counts},
        "files": {name: checksums(folder / name) for name in names},
        "measured": dict(measured or {}),
        "libraries": library_versions(),
    }
    with as_os_error():
        write_json(folder / HEADER, {**values, "sha256": hashlib.sha256(canonical_json(values)).hexdigest()})


def read_header(folder: Path, kind: type[Key]) -> Header[Key]:
    """Read ``header.json``; an InputError where it is damaged, of another kind or format, or in the wrong folder.

    Raises
    ------
    OtherVersionError, ForeignIndexError
        If another version wrote it, or it must not be read.
    """
    path = folder / HEADER
    with foreign_if_forbidden():
        values = read_values(require_folder(folder) / HEADER)
    if values.get("format") != kind.format:
        raise InputError(f"is not the header of a {kind.format}", path=path)
    if values.get("format_version") != FORMAT_VERSION:
        raise OtherVersionError(
            f"format_version is {values.get('format_version')}, this program reads {FORMAT_VERSION}: remove the index",
            path=path,
        )
    try:
        if values.pop("sha256", None) != hashlib.sha256(canonical_json(values)).hexdigest():
            raise InputError("is damaged (its own sha256 differs): remove the index", path=path)
        header = Header(
            key=kind.from_json(values["key"]),
            counts={name: int(values["counts"][name]) for name in kind.counts},
            files={str(name): dict(entry) for name, entry in values["files"].items()},
            measured=dict(values["measured"]),
            libraries=dict(values["libraries"]),
        )
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"is damaged ({error!r}): remove the index", path=path) from error
    if header.key.folder_name() != folder.absolute().name:
        raise InputError(f"is not the index of its key, {header.key.folder_name()}: remove it", path=folder)
    return header


def read_values(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file; an InputError, too, if it is a pipe or a device."""
    try:
        open_regular(path).close()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    return read_json(path)


def ann_folders(index_folder: Path) -> list[Path]:
    """Return the folders of the approximate indexes of a dictionary index, sorted; none if it must not be read."""
    try:
        return sorted(path for path in index_folder.iterdir() if path.name.startswith(ANN_PREFIX))
    except OSError:
        return []


def ann_summary(key: AnnKey, measured: Mapping[str, float]) -> dict[str, Any]:
    """Return what users see of an approximate index, as JSON: what it is, and how well it finds."""
    return {
        "kind": key.faiss.kind,
        "candidates": key.candidates,
        "sparse_weight": key.sparse_weight,
        **measured,
    }

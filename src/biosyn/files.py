"""Reading and writing text files so that bad input is named and nothing is ever half-written."""

import gzip
import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, cast

from biosyn import __version__
from biosyn.errors import InputError

logger = logging.getLogger(__name__)
# what a vector depends on
LIBRARIES = ("torch", "transformers", "tokenizers", "scikit-learn", "numpy")


class _Watched(io.FileIO):
    """A file that is read in pieces, tells how many bytes each had on disk, and says which file cannot be read."""

    def __init__(self, path: Path, tick: Callable[[int], object]):
        self._path, self._tick = path, tick
        with self._named():
            super().__init__(path)

    def readinto(self, buffer: Any) -> int | None:
        with self._named():
            count = super().readinto(buffer)
        self._tick(count or 0)
        return count

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # here, and not around the whole block that reads: other files fail there, too
            raise InputError(f"cannot be read: {error.strerror}", path=self._path) from error


@contextmanager
def open_binary(path: str | Path, *, tick: Callable[[int], object] = lambda count: None) -> Iterator[io.BufferedReader]:
    """Open a file to read its bytes, unpacked if it ends in ``.gz``; ``tick`` is told each number of bytes on disk.

    Raises
    ------
    InputError
        If the file cannot be opened, read or unpacked, also where a read inside the block fails.
    """
    path = Path(path)
    with io.BufferedReader(_Watched(path, tick), buffer_size=1 << 20) as file:
        if path.suffix != ".gz":
            yield cast(io.BufferedReader, file)
            return
        try:
            with io.BufferedReader(gzip.GzipFile(fileobj=file)) as unpacked:
                yield cast(io.BufferedReader, unpacked)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"is damaged, or no gzip file: {error}", path=path) from error


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield ``(line number from 1, line without its end)``; a BOM and CRLF are accepted, and gzip under ``.gz``.

    Only LF and CRLF end a line, so that a form feed or U+2028 inside a name does not cut it.

    Raises
    ------
    InputError
        If the file cannot be opened or unpacked, or a line is not UTF-8 (the line is named).
    """
    with open_binary(path) as file:
        for number, raw in enumerate(file, 1):
            yield number, decode_line(raw, path, number)


def decode_line(raw: bytes, path: str | Path, number: int) -> str:
    r"""Return a line of a file without its end, and without a BOM where it is the first.

    Raises
    ------
    InputError
        If it is not UTF-8; path and line number are for this message.

    Examples
    --------
    >>> decode_line("Sjögren\r\n".encode(), "names.txt", 2)
    'Sjögren'
    """
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise InputError(f"not UTF-8 (byte 0x{byte:02x}): save the file as UTF-8", path=path, line=number) from error
    return line.removesuffix("\n").removesuffix("\r")


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


def sha256_of_files(paths: Iterable[Path]) -> str:
    """Return one sha256 for several files: that of the lines which ``sha256sum`` prints for them, sorted by name."""
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(paths, key=lambda path: path.name)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def require_folder(path: str | Path) -> Path:
    """Return the folder as a Path, or raise an InputError that says it is missing."""
    path = Path(path)
    if not path.is_dir():
        raise InputError("no such folder" if not path.exists() else "is not a folder", path=path)
    return path


def require_writable(folder: str | Path) -> Path:
    """Make the folder where needed and prove that a file can be written there, before hours are spent.

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot be written to ({error.strerror}): choose another folder", path=folder) from error
    return folder


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all: a reader sees the old content or the new one."""
    _write_whole(path, [text])


def write_lines(path: str | Path, lines: Iterable[str]) -> int:
    """Write each line with a newline after it, whole or not at all, one at a time; return how many there were."""
    count = 0

    def ended() -> Iterator[str]:
        nonlocal count
        for line in lines:
            count += 1
            yield f"{line}\n"

    _write_whole(path, ended())
    return count


def _write_whole(path: str | Path, parts: Iterable[str]) -> None:
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=path) from error
    finally:
        with suppress(OSError):  # it may be that not even its folder is there
            partial.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write one JSON document, indented by two blanks, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def staged_folder(target: str | Path) -> Iterator[Path]:
    """Give an empty folder beside the files of ``target``; the caller moves out what it wants, the rest is deleted.

    It lies inside ``target``, so that moving a file out is a rename on one file system.
    """
    target = require_writable(target)
    stage = Path(tempfile.mkdtemp(prefix=".partial-", dir=target))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def remove_stages(*targets: Path) -> None:
    """Remove the staged folders that killed processes have left in these folders."""
    for target in targets:
        for stage in target.glob(".partial-*"):
            shutil.rmtree(stage, ignore_errors=True)


def move_into_place(stage: Path, output_dir: Path, *, names: Iterable[str]) -> None:
    """Move the stage's files and folders to the output folder that it lies in; where one cannot be moved, undo all.

    Parameters
    ----------
    names
        Of what is moved. What bears such a name there is replaced, or taken away where the stage has none of it, such
        as a split of an earlier run: a folder holds one run.

    Raises
    ------
    InputError
        If one cannot be moved.
    """
    replaced = stage / "replaced"
    replaced.mkdir()
    moves = [(stage / name, output_dir / name) for name in names]
    undo: list[tuple[Path, Path]] = []
    stale = [target.name for source, target in moves if target.exists() and not source.exists()]
    try:
        for source, target in moves:
            if target.exists():
                undo.append((_move(target, replaced / target.name), target))
            if source.exists():
                undo.append((_move(source, target), source))
    except BaseException as error:  # an interrupt too must not leave half of it
        for moved, origin in reversed(undo):
            os.rename(moved, origin)
        if isinstance(error, OSError):
            raise InputError(f"cannot be written to ({error.strerror})", path=output_dir) from error
        raise
    if stale:
        logger.info("%s: taken away, an earlier run left them: %s", output_dir, ", ".join(stale))


def _move(source: Path, target: Path) -> Path:
    os.rename(source, target)
    return target


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of the file; anything else is an InputError."""
    try:
        values = json.loads("\n".join(line for _, line in read_lines(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"is not valid JSON ({error.msg})", path=path, line=error.lineno) from error
    except RecursionError as error:
        raise InputError("is not JSON of ours: it is nested too deeply", path=path) from error
    if not isinstance(values, dict):
        raise InputError("is not a JSON object", path=path)
    return values


def library_versions() -> dict[str, str]:
    """Return the versions of this program, of Python and of what the vectors depend on."""
    found = {"biosyn": __version__, "python": python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a vendored or renamed build
            found[name] = "unknown"
    return found


def canonical_json(value: Any) -> bytes:
    """Return the one way to write a JSON value: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def partial_folder(folder: Path, what: str) -> Path:
    """Return this process's own place beside a folder for what is not whole."""
    return folder.with_name(f".{folder.name}.partial-{what}-{os.getpid()}")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder that is renamed to ``folder`` at the end of the block, safe on disk; after an error none is.

    The caller syncs the files that it writes. A kill leaves the folder under its other name (`remove_partial`).

    Raises
    ------
    OSError
        If it cannot be made or renamed: ``folder`` is there already, the disk is full.
    """
    stage = partial_folder(folder, "new")
    try:
        stage.mkdir(parents=True)  # unlike mkdtemp's, as readable to others as the user's files are
        yield stage
        sync(stage)
        os.rename(stage, folder)  # noqa: PTH104 (as the docstring says)
        sync(folder.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a folder so that nobody sees half of it."""
    gone = partial_folder(folder, "old")
    os.rename(folder, gone)  # noqa: PTH104
    shutil.rmtree(gone)


def remove_partial(parent: Path, name: str = "*") -> None:
    """Remove what processes that died have left of the folders of that name, which may have wildcards."""
    for path in parent.glob(f".{name}.partial-*"):
        shutil.rmtree(path)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk and not only in memory."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and writes such lists by itself
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

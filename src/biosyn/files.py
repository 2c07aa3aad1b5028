"""Reading and writing files: bad input is named with its place, and nothing is ever half-written."""

import gzip
import hashlib
import io
import json
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, cast

from biosyn import __version__
from biosyn.errors import InputError
from biosyn.pipes import regular_file, require_replaceable_file

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

logger = logging.getLogger(__name__)
LIBRARIES = ("torch", "transformers", "tokenizers", "scikit-learn", "numpy")  # what a vector depends on
_PARTIAL = re.compile(r"\.partial-[a-z0-9_]{8}$|\.[0-9]+\.partial$")  # the latter of files of earlier versions
LONGEST_NAME = 200  # bytes of the name in that of a partial file: 255 are allowed


# -- reading


@contextmanager
def open_binary(
    path: str | Path, *, tick: Callable[[int], object] = lambda count: None, digest: "Hash | None" = None
) -> Iterator[io.BufferedReader]:
    """Open a file to read its bytes, unpacked if its name ends in ``.gz``.

    A file that cannot be opened, read or unpacked is an InputError, also where a read inside the block fails, and one
    that has changed by the end of the block. A pipe is copied first: see `biosyn.pipes.regular_file`.

    Parameters
    ----------
    tick
        Called with the number of bytes of each piece that is read from disk.
    digest
        Updated with the bytes as they are on disk.
    """
    path = Path(path)
    watched = _Watched(path, tick, digest)
    with io.BufferedReader(watched, buffer_size=1 << 20) as file:
        if path.suffix != ".gz":
            yield cast(io.BufferedReader, file)
        else:
            try:
                with io.BufferedReader(gzip.GzipFile(fileobj=file)) as unpacked:
                    yield cast(io.BufferedReader, unpacked)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise InputError(f"is damaged, or no gzip file: {error}", path=path) from error
        watched.require_unchanged()


class _Watched(io.FileIO):
    """A file that reports each piece that is read of it, and is named where it cannot be read."""

    def __init__(self, path: Path, tick: Callable[[int], object], digest: "Hash | None"):
        self._path, self._tick, self._digest = path, tick, digest
        with self._named():
            super().__init__(regular_file(path))
        self._state = self._written()

    def readinto(self, buffer: Any) -> int | None:
        with self._named():
            count = super().readinto(buffer) or 0
        self._tick(count)
        if self._digest is not None:
            self._digest.update(memoryview(buffer)[:count])
        return count

    def require_unchanged(self) -> None:
        if self._written() != self._state:
            raise InputError("has changed while it was read: start again when it is complete", path=self._path)

    def _written(self) -> tuple[int, int, int]:
        status = os.fstat(self.fileno())
        return status.st_size, status.st_mtime_ns, status.st_ctime_ns

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # here, and not around the whole block that reads: other files fail there, too
            raise InputError(f"cannot be read: {error.strerror}", path=self._path) from error


def read_lines(path: str | Path, *, digest: "Hash | None" = None) -> Iterator[tuple[int, str]]:
    """Yield ``(line number from 1, line without its end)``; a BOM and CRLF are accepted, and gzip under ``.gz``.

    Only LF and CRLF end a line, so that a form feed or U+2028 inside a name does not cut it.

    Parameters
    ----------
    digest
        Updated with the bytes as they are on disk; it is that of the file after the last line.
    """
    with open_binary(path, digest=digest) as file:
        for number, raw in enumerate(file, 1):
            yield number, decode_line(raw, path, number)


def decode_line(raw: bytes, path: str | Path, number: int) -> str:
    r"""Return a line of a file without its end, and without a BOM where it is the first.

    Parameters
    ----------
    path, number
        Where the line is, for the InputError about bytes that are not UTF-8.

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


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of the file; anything else is an InputError."""
    try:
        values = json.loads("\n".join(line for _, line in read_lines(path)), parse_constant=_refused)
    except json.JSONDecodeError as error:
        raise InputError(f"is not valid JSON ({error.msg})", path=path, line=error.lineno) from error
    except ValueError as error:  # NaN, or an integer of thousands of digits
        raise InputError(f"is not valid JSON ({error})", path=path) from error
    except RecursionError as error:
        raise InputError("is not JSON of ours: it is nested too deeply", path=path) from error
    if not isinstance(values, dict):
        raise InputError("is not a JSON object", path=path)
    return values


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number in it")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON, in which no number is NaN or infinite; every writer of JSON comes here.

    Raises
    ------
    InputError
        If a number is not finite, which has no form in JSON.
    """
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError as error:
        raise InputError(f"a number of the result is not finite and is not written ({error})") from error


def canonical_json(value: Any) -> bytes:
    """Return the one way to write a JSON value that is hashed: sorted keys, no blanks, ASCII.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def sha256_of(path: str | Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    try:
        with regular_file(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error


def sha256_of_files(paths: Iterable[Path]) -> str:
    """Return one sha256 for several files: that of the lines which ``sha256sum`` prints for them, sorted by name."""
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(paths, key=lambda path: path.name)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of this program, of Python and of the libraries that the vectors depend on."""
    found = {"biosyn": __version__, "python": python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a vendored or renamed build
            found[name] = "unknown"
    return found


# -- writing a file


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all: a reader sees the old content or the new one.

    The name of a file that is not UTF-8 is written with escapes, which JSON reads back as they were.
    """
    _write_whole(path, [text.encode("utf-8", "backslashreplace").decode()])


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


def write_json(path: str | Path, value: Any) -> None:
    """Write one JSON document, indented by two blanks, whole or not at all."""
    write_text(path, json_text(value, indent=2) + "\n")


def _write_whole(path: str | Path, parts: Iterable[str]) -> None:
    path = Path(path)
    require_replaceable_file(path)
    try:
        with (
            _partial(path.parent, path.name, folder=False) as partial,
            partial.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
            os.replace(partial, path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=path) from error


def give_usual_modes(folder: Path) -> None:
    """Give all files in a folder the mode that a new file has, by the umask; safetensors makes its files 0600."""
    probe = folder / ".mode"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


# -- partial files and folders, which a kill may leave


@contextmanager
def _partial(parent: Path, name: str, *, folder: bool) -> Iterator[Path]:
    """Make a hidden file or folder for something that will have this name; what is left of it in the end is removed.

    It is locked, so that `remove_leftovers` knows that its process lives: the system unlocks it when that has ended.
    """
    start = os.fsdecode(os.fsencode(name)[:LONGEST_NAME])
    while True:
        path = parent / f".{start}.partial-{os.urandom(4).hex()}"
        with suppress(FileExistsError):
            if folder:
                path.mkdir()
            else:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            lock = _locked(path)
            if lock is not None and path.exists():  # else it was taken for a leftover before it was locked
                break
    try:
        yield path
    finally:
        _remove(path, ignore_errors=True)
        _unlock(lock)


def remove_leftovers(parent: Path, name: str = "*") -> None:
    """Remove what killed processes have left in ``parent`` of files and folders of this name, which may be ``*``."""
    for path in parent.glob(f".{name}.*partial*"):
        lock = _locked(path) if _PARTIAL.search(path.name) else None
        if lock is not None:
            _remove(path)
            _unlock(lock)


def _locked(path: Path) -> int | None:
    """Lock a partial file or folder and return its descriptor; None if another process has it, or it is gone.

    The descriptor is -1 where there are no such locks: Windows, which removes no open file, and some file systems.
    """
    if sys.platform == "win32":
        return -1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        return None if isinstance(error, BlockingIOError) else -1
    return descriptor


def _unlock(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def _remove(path: Path, *, ignore_errors: bool = False) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=ignore_errors)
        return
    with suppress(OSError if ignore_errors else FileNotFoundError):
        path.unlink()


# -- folders


def require_folder(path: str | Path) -> Path:
    """Return the folder as a Path, or raise an InputError that says it is missing."""
    path = Path(path)
    if not path.is_dir():
        raise InputError("no such folder" if not path.exists() else "is not a folder", path=path)
    return path


def require_writable(folder: str | Path) -> Path:
    """Make the folder where needed and prove that a file can be written there, before hours are spent.

    What killed processes have left there is removed.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        remove_leftovers(folder)
    except OSError as error:
        raise InputError(f"cannot be written to ({error.strerror}): choose another folder", path=folder) from error
    return folder


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder that becomes ``folder`` at the end of the block, safe on disk; after an error none is.

    Raises
    ------
    OSError
        If it cannot be made or renamed: ``folder`` is there already, the disk is full.
    """
    with _stage(folder.parent, folder.name) as outer:
        inner = outer / folder.name  # the stage itself is locked by its name
        inner.mkdir()
        yield inner
        finish_folder(inner, folder)


def finish_folder(stage: Path, folder: Path) -> None:
    """Rename a finished folder to its name; what is in it is on disk before, and its name afterwards."""
    give_usual_modes(stage)
    for path in (*sorted(stage.rglob("*")), stage):
        sync(path)
    os.rename(stage, folder)  # noqa: PTH104 (not replace: a folder that is there stays)
    sync(folder.parent)


@contextmanager
def staged_folder(target: str | Path) -> Iterator[Path]:
    """Give an empty folder inside ``target`` for new files of it; the caller moves them out, the rest is removed.

    It is inside ``target``, so that moving a file out is a rename on one file system.
    """
    with _stage(require_writable(target), "files") as stage:
        yield stage


@contextmanager
def _stage(parent: Path, name: str) -> Iterator[Path]:
    """Give an empty folder in ``parent``, removed at the end; what a kill leaves of it is for `remove_leftovers`."""
    parent.mkdir(parents=True, exist_ok=True)
    with _partial(parent, name, folder=True) as stage:
        yield stage


def discard(folder: Path) -> None:
    """Remove a folder so that nobody sees half of it; also a file or a link in its place."""
    with _stage(folder.parent, folder.name) as stage:
        moved = stage / folder.name
        os.rename(folder, moved)  # noqa: PTH104
        if moved.is_symlink() or not moved.is_dir():
            moved.unlink()
        else:
            shutil.rmtree(moved)


def move_into_place(stage: Path, output_dir: Path, *, names: Iterable[str]) -> None:
    """Move the stage's files and folders into the output folder, which it is in; where one cannot be moved, undo all.

    Parameters
    ----------
    names
        The names of what is moved. Anything of such a name in the output folder is replaced, or taken away where the
        stage has none of it, such as a split of an earlier run: a folder holds one run.
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
        logger.info("%s: removed what an earlier run had left: %s", output_dir, ", ".join(stale))


def _move(source: Path, target: Path) -> Path:
    os.rename(source, target)
    return target


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk and not only in memory."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and writes such lists by itself
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

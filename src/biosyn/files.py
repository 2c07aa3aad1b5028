"""Reading files and JSON, and hashes of content: bad input is named with its place."""

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, cast

from biosyn import __version__
from biosyn.errors import InputError
from biosyn.pipes import regular_file

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

LIBRARIES = ("torch", "transformers", "tokenizers", "scikit-learn", "numpy")  # what a vector depends on


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
    except InputError:  # it cannot be read, which has been said
        raise
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


def is_there(path: str | Path) -> bool:
    """Return whether a file that may be missing is there; so is a link to nowhere, which its reader then names."""
    return os.path.lexists(path)


def require_folder(path: str | Path) -> Path:
    """Return the folder as a Path, or raise an InputError that says it is missing."""
    path = Path(path)
    if not path.is_dir():
        raise InputError("no such folder" if not path.exists() else "is not a folder", path=path)
    return path

"""Writing files and folders: whole or not at all; what a kill leaves of them is removed by the next run.

A text file whose name ends in ``.gz`` is compressed, without a time stamp.
"""

import gzip
import logging
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from biosyn.errors import InputError
from biosyn.files import json_text
from biosyn.pipes import require_replaceable_file

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)
_PARTIAL = re.compile(r"\.partial-[a-z0-9_]{8}$|\.[0-9]+\.partial$")  # the latter of files of earlier versions
LONGEST_NAME = 200  # bytes of the name in that of a partial file: 255 are allowed


# -- files


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
            partial.open("wb") as file,
        ):
            packed = path.suffix == ".gz"
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) if packed else nullcontext(file) as out:
                out.writelines(part.encode() for part in parts)
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

"""Folders that appear whole or not at all, and go so that nobody sees half of them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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

"""What a run reads and where it writes: never the same file, whatever its name; and what it read must not change."""

import dataclasses
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from biosyn.checkpoint.files import model_files
from biosyn.data.concepts import CONCEPTS_FILE
from biosyn.data.queries import query_files
from biosyn.data.vocabularies import VOCABULARIES_FILE
from biosyn.errors import InputError
from biosyn.pipes import require_replaceable_file
from biosyn.settings.groups import Settings

logger = logging.getLogger(__name__)

# what is read of a path that a setting names, by the setting's `reads`
READS: dict[str, Callable[[Path], Iterable[Path]]] = {
    "file": lambda path: [path],
    "dictionary": lambda path: [path, *(path.parent / name for name in (CONCEPTS_FILE, VOCABULARIES_FILE))],
    "queries": query_files,
    "model": model_files,  # of a Hub id there are none: its files are in the Hub's cache
}


class Inputs:
    """The files that a run reads, as they are now: made before any of them is read.

    Parameters
    ----------
    paths
        Files; those that do not exist are for their reader to report.
    """

    def __init__(self, paths: Iterable[str | Path]):
        self._states = {path: _state(path) for path in map(Path, paths)}

    @classmethod
    def of(cls, config: Settings, *, but: Collection[str] = ()) -> "Inputs":
        """Return what a verb reads: of each setting with `reads`, those named in `but` left out."""
        found: list[Path] = []
        for field in dataclasses.fields(config):
            value = getattr(config, field.name)
            if value and field.metadata.get("reads") and field.name not in but:
                for path in value if isinstance(value, tuple) else (value,):
                    found += READS[field.metadata["reads"]](Path(path))
        return cls(found)

    def require_apart(self, written: Iterable[str | Path], *, option: str = "output") -> None:
        """Refuse to write where one of these files is, through links too, or where there is no regular file.

        Parameters
        ----------
        written
            Every file that the run may write, replace or remove.
        option
            What to choose another one of.
        """
        read = {name: path for path, state in self._states.items() for name in _names(path, state)}
        for path in map(Path, written):
            other = next((read[name] for name in _names(path, _state(path)) if name in read), None)
            if other is not None:
                where = "" if other == path else f" ({other})"
                raise InputError(
                    f"is the input too{where} and would be overwritten: choose another {option}", path=path
                )
            require_replaceable_file(path, option=option)

    def changed(self) -> list[Path]:
        """Return those that are no longer what they were: written to, replaced, removed."""
        return [path for path, state in self._states.items() if _is_file(state) and _state(path) != state]

    def require_unchanged(self) -> None:
        """Refuse a result of files that have changed: it might mix their old and their new content."""
        for path in self.changed():
            raise InputError("has changed while it was used: start again", path=path)

    def warn_of_changes(self) -> None:
        """Log a warning for each file that has changed since it was read, for a result that is of the old ones."""
        for path in self.changed():
            logger.warning("%s: has changed during the run, the result is of what was read at its start", path)


_State = tuple[int, int, int, int, int, int]


def _state(path: Path) -> _State | None:
    """Return what tells two files apart, device and inode, and then what changes with a file's content."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (
        *(status.st_dev, status.st_ino),
        *(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns),
    )


def _names(path: Path, state: _State | None) -> tuple[object, ...]:
    """Return all by which a file is the same as another: its path without links, and where it exists its inode."""
    return (os.path.realpath(path), *(() if state is None else (state[:2],)))


def _is_file(state: _State | None) -> bool:
    return state is not None and stat.S_ISREG(state[2])  # a pipe changes when it is read, and is copied

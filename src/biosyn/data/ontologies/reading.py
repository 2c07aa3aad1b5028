"""What every reader of an ontology is handed: its files with progress, and an account of what it leaves out."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from biosyn.data.reading import BadEntryError, ReadingReport
from biosyn.errors import InputError
from biosyn.files import decode_line, open_binary


class Reading:
    """One pass over an ontology's files.

    Parameters
    ----------
    skip_errors
        Leave a malformed line out and count it; else the first one ends the run.
    progress
        Show a bar for each file.

    Attributes
    ----------
    report
        Malformed lines by reason (``skipped``) and lines that are left out on purpose (``noted``).

    Examples
    --------
    >>> reading = Reading(skip_errors=True)
    >>> reading.drop("obsolete", 2)
    >>> reading.malformed("no id", "expected an id", path="table.csv", line=7)
    >>> dict(reading.report.noted), dict(reading.report.skipped)
    ({'obsolete': 2}, {'no id': 1})
    """

    def __init__(self, *, skip_errors: bool = False, progress: bool = False):
        self.report = ReadingReport(skip=skip_errors)
        self._progress = progress

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file, gzip or not, to read its bytes under a progress bar; see `biosyn.files.open_binary`."""
        size = path.stat().st_size if path.is_file() else None
        with (
            tqdm(total=size, desc=path.name, unit="B", unit_scale=True, disable=not self._progress) as bar,
            open_binary(path, tick=bar.update) as file,
        ):
            yield file

    def lines(self, path: Path) -> Iterator[tuple[int, str]]:
        """Yield ``(line number from 1, line without its end)``.

        Raises
        ------
        InputError
            If the file cannot be read, or a line is not UTF-8 and errors are not skipped.
        """
        with self.open(path) as file:
            for number, raw in enumerate(file, 1):
                try:
                    line = decode_line(raw, path, number)
                except InputError as error:
                    self._refuse(BadEntryError("not UTF-8", str(error)))
                    continue
                yield number, line

    def drop(self, reason: str, count: int = 1) -> None:
        """Count lines, names or concepts that are left out on purpose."""
        self.report.note(reason, count)

    def distinct(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return a concept's names, each once, in order; repeated and empty ones are counted as dropped."""
        given = list(names)
        distinct = dict.fromkeys(filter(None, given))
        self.drop("empty name", given.count(""))
        self.drop("name repeated in its concept", len(given) - given.count("") - len(distinct))
        return tuple(distinct)

    def malformed(self, reason: str, message: str, *, path: str | PathLike[str], line: int | None = None) -> None:
        """Refuse an entry: the reader goes on to the next one if this returns.

        Parameters
        ----------
        reason
            Two or three words that its like are counted under.

        Raises
        ------
        InputError
            Unless errors are skipped.
        """
        self._refuse(BadEntryError(reason, message, path=path, line=line))

    def _refuse(self, error: BadEntryError) -> None:
        with self.report.entry():
            raise error

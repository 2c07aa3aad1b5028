"""What every reader is handed: a file of an ontology, and an account of what is left out of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from biosyn.data.bad_entries import BadEntryError, ReadingReport
from biosyn.errors import InputError
from biosyn.files import decode_line, open_binary


class Source:
    """A file or folder to read concepts from.

    Parameters
    ----------
    report
        Where malformed lines are counted by reason (``skipped``), or refused, and where what is left out on purpose is
        counted (``noted``).
    progress
        Show a bar for each file that is opened.
    """

    def __init__(self, path: str | Path, *, report: ReadingReport, progress: bool = False):
        self.path = Path(path)
        self.report = report
        self._progress = progress

    def at(self, path: Path) -> "Source":
        """Return another file of the same ontology."""
        return Source(path, report=self.report, progress=self._progress)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file, gzip or not, to read its bytes under a progress bar; see `biosyn.files.open_binary`."""
        size = self.path.stat().st_size if self.path.is_file() else None
        with (
            tqdm(total=size, desc=self.path.name, unit="B", unit_scale=True, disable=not self._progress) as bar,
            open_binary(self.path, tick=bar.update) as file,
        ):
            yield file

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield ``(line number from 1, line without its end)``.

        Raises
        ------
        InputError
            If the file cannot be read, or a line is not UTF-8 and errors are not skipped.
        """
        with self.open() as file:
            for number, raw in enumerate(file, 1):
                try:
                    line = decode_line(raw, self.path, number)
                except InputError as error:
                    self._refuse(BadEntryError("not UTF-8", str(error)))
                    continue
                yield number, line

    def distinct(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return a concept's names as `distinct_names` does."""
        return distinct_names(names, self.report)

    def malformed(self, reason: str, message: str, *, line: int | None = None) -> None:
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
        self._refuse(BadEntryError(reason, message, path=self.path, line=line))

    def _refuse(self, error: BadEntryError) -> None:
        with self.report.entry():
            raise error


def distinct_names(names: Iterable[str], report: ReadingReport) -> tuple[str, ...]:
    """Return a concept's names, each once, in order; empty and repeated ones are counted in the report.

    Examples
    --------
    >>> report = ReadingReport()
    >>> distinct_names(["ataxia", "at", "", "ataxia"], report), dict(report.noted)
    (('ataxia', 'at'), {'empty name': 1, 'name repeated in its concept': 1})
    """
    given = list(names)
    distinct = dict.fromkeys(filter(None, given))
    empty = given.count("")
    report.note("empty name", empty)
    report.note("name repeated in its concept", len(given) - empty - len(distinct))
    return tuple(distinct)

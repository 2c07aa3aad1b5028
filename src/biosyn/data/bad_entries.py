"""Bad entries of an input file: the first ends the run, or each is left out and counted."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from biosyn.errors import InputError

logger = logging.getLogger(__name__)


class BadEntryError(InputError):
    """A bad line or document; ``reason`` is what it is counted under where bad entries are left out."""

    def __init__(self, reason: str, message: str, *, path: str | PathLike[str] | None = None, line: int | None = None):
        super().__init__(message, path=path, line=line)
        self.reason = reason


class ReadingReport:
    """What a reader met: bad entries by their reason, and oddities that are no error.

    Parameters
    ----------
    skip
        Leave a bad entry out and count it; else the first one ends the run.

    Examples
    --------
    >>> report = ReadingReport(skip=True)
    >>> with report.entry():
    ...     raise BadEntryError("no id", "expected an id", path="corpus.txt", line=7)
    >>> report.note("relation lines", 2)
    >>> dict(report.skipped), dict(report.noted)
    ({'no id': 1}, {'relation lines': 2})
    """

    def __init__(self, *, skip: bool = False):
        self._skip = skip
        self.skipped: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()

    @contextmanager
    def entry(self) -> Iterator[None]:
        """Wrap the reading of one entry; the first that is left out for a reason is logged, the others are counted.

        Raises
        ------
        BadEntryError
            The one raised inside, if bad entries are not to be left out.
        """
        try:
            yield
        except BadEntryError as error:
            if not self._skip:
                raise
            if error.reason not in self.skipped:
                logger.info("left out: %s (more of its kind are counted only)", error)
            self.skipped[error.reason] += 1

    def note(self, what: str, count: int = 1) -> None:
        """Count an oddity."""
        if count:
            self.noted[what] += count

"""Bad entries of an input file: either the first one ends the run, or each is left out and counted."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from biosyn.errors import InputError

logger = logging.getLogger(__name__)


class BadEntryError(InputError):
    """A bad line or document; where bad entries are left out, it is counted under ``reason``."""

    def __init__(self, reason: str, message: str, *, path: str | PathLike[str] | None = None, line: int | None = None):
        super().__init__(message, path=path, line=line)
        self.reason = reason


class ReadCounts:
    """What a reader left out: bad entries by reason (``skipped``), and oddities that are no errors (``noted``).

    Parameters
    ----------
    skip
        Leave bad entries out and count them; otherwise the first one ends the run.

    Examples
    --------
    >>> counts = ReadCounts(skip=True)
    >>> with counts.entry():
    ...     raise BadEntryError("no id", "expected an id", path="corpus.txt", line=7)
    >>> counts.note("relation lines", 2)
    >>> dict(counts.skipped), dict(counts.noted)
    ({'no id': 1}, {'relation lines': 2})
    """

    def __init__(self, *, skip: bool = False):
        self._skip = skip
        self.skipped: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()

    @contextmanager
    def entry(self) -> Iterator[None]:
        """Wrap the reading of one entry, which may raise BadEntryError.

        Where bad entries are left out, the first one of each reason is logged and the others are only counted.
        """
        try:
            yield
        except BadEntryError as error:
            if not self._skip:
                raise
            if error.reason not in self.skipped:
                logger.info("left out: %s (further ones of this kind are only counted)", error)
            self.skipped[error.reason] += 1

    def note(self, what: str, count: int = 1) -> None:
        """Count an oddity."""
        if count:
            self.noted[what] += count

"""What every reader is handed: a file of an ontology, and an account of what is left out of it."""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Generic, NamedTuple, TypeVar

from tqdm import tqdm

from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.errors import InputError
from biosyn.files import decode_line, open_binary

Content = TypeVar("Content")


class Source:
    """A file or folder to read concepts from.

    Parameters
    ----------
    counts
        Where malformed lines are counted by reason (``skipped``), or refused, and where what is left out on purpose is
        counted (``noted``).
    progress
        Show a bar for each file that is opened.
    """

    def __init__(self, path: str | Path, *, counts: ReadCounts, progress: bool = False):
        self.path = Path(path)
        self.counts = counts
        self._progress = progress

    def at(self, path: Path) -> "Source":
        """Return another file of the same ontology."""
        return Source(path, counts=self.counts, progress=self._progress)

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
        return distinct_names(names, self.counts)

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
        with self.counts.entry():
            raise error


def distinct_names(names: Iterable[str], counts: ReadCounts) -> tuple[str, ...]:
    """Return a concept's names, each once, in order; empty and repeated ones are counted in the counts.

    Examples
    --------
    >>> counts = ReadCounts()
    >>> distinct_names(["ataxia", "at", "", "ataxia"], counts), dict(counts.noted)
    (('ataxia', 'at'), {'empty name': 1, 'name repeated in its concept': 1})
    """
    given = list(names)
    distinct = dict.fromkeys(filter(None, given))
    empty = given.count("")
    counts.note("empty name", empty)
    counts.note("name repeated in its concept", len(given) - empty - len(distinct))
    return tuple(distinct)


class Row(NamedTuple, Generic[Content]):
    """What stands in a line, and the line's number for messages."""

    line: int
    content: Content


def split_rows(source: Source, *, separator: str, fields: int, more: bool = False) -> Iterator[Row[list[str]]]:
    """Yield the rows of a file whose fields each end in the separator; nothing is quoted, empty lines are skipped.

    Parameters
    ----------
    fields
        How many there must be.
    more
        Whether a row may have further ones.
    """
    for number, line in source.lines():
        if not line:
            continue
        parts = line.removesuffix(separator).split(separator)
        if len(parts) == fields or (more and len(parts) > fields):
            yield Row(number, parts)
        else:
            expected = f"expected {'at least ' if more else ''}{fields} fields, each followed by '{separator}'"
            source.malformed("number of fields", f"{expected}; found {len(parts)}", line=number)


def delimited_rows(lines: Iterable[tuple[int, str]], source: Source, *, delimiter: str) -> Iterator[Row[list[str]]]:
    """Yield the rows of a source's numbered lines: fields cut at tabs, or at commas outside double quotes.

    Between tabs a quote is a character like any other. Between commas it encloses a field; it is doubled inside, where
    line ends are allowed too: the row's number is that of its first line. Empty lines between rows are skipped. Where
    the quotes of a row are wrong, its first line is malformed and the next row is looked for in the line after it: a
    quote that is left open by mistake takes no other rows with it.
    """
    if delimiter == "\t":
        yield from (Row(number, line.split("\t")) for number, line in lines if line)
        return
    given_back: deque[tuple[int, str]] = deque()
    following = iter(lines)
    while True:
        taken: list[tuple[int, str]] = []  # the lines of the row at hand
        try:
            fields = next(csv.reader(_handed_out(given_back, following, taken), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            (number, _), *rest = taken
            given_back.extendleft(reversed(rest))
            source.malformed("quotes", f"{error}, in a row that was read up to line {taken[-1][0]}", line=number)
            continue
        if fields is None:
            return
        if fields:
            yield Row(taken[0][0], fields)


def _handed_out(
    given_back: deque[tuple[int, str]], following: Iterator[tuple[int, str]], taken: list[tuple[int, str]]
) -> Iterator[str]:
    """Yield the next lines, those that were given back first, and note them."""
    while line := given_back.popleft() if given_back else next(following, None):
        taken.append(line)
        yield f"{line[1]}\n"


def named_rows(
    rows: Iterable[Row[list[str]]], source: Source, *, columns: Sequence[str]
) -> Iterator[Row[dict[str, str]]]:
    """Yield rows of column -> field, blanks around it taken off; there must be a field for each column."""
    for number, fields in rows:
        if len(fields) == len(columns):
            yield Row(number, dict(zip(columns, map(str.strip, fields), strict=True)))
        else:
            message = f"expected {len(columns)} fields, as the header has, found {len(fields)}"
            source.malformed("number of fields", message, line=number)


def parts_of(field: str, separator: str = "|") -> tuple[str, ...]:
    """Return the filled parts of a field that holds a list.

    Examples
    --------
    >>> parts_of("AT| Louis-Bar syndrome ||"), parts_of("")
    (('AT', 'Louis-Bar syndrome'), ())
    """
    return tuple(part.strip() for part in field.split(separator) if part.strip())


def rows_by_concept(
    rows: Iterable[Row[Content]], source: Source, *, key: Callable[[Content], str]
) -> Iterator[tuple[str, list[Row[Content]]]]:
    """Yield ``(id, its rows)``; the rows of one id stand together, so that one concept is in memory at a time.

    Rows of an id that comes again later are malformed: their concept is written already.
    """
    seen: set[str] = set()
    for cui, group in groupby(rows, lambda row: key(row.content)):
        together = list(group)
        if cui in seen:
            for row in together:
                message = f"'{cui}' comes again after other ids: sort the file by its ids"
                source.malformed("id comes again", message, line=row.line)
        else:
            seen.add(cui)
            yield cui, together

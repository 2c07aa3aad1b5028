"""What readers of ontologies work on: a source, which counts what is left out, and the rows of tables in it."""

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
_LATIN_1 = {0xDC00 + byte: chr(byte) for byte in range(0x80, 0x100)}  # what "surrogateescape" makes of a bad byte


class Source:
    """A file or folder to read concepts from.

    Parameters
    ----------
    counts
        Counts malformed lines by reason (``skipped``), unless the first one is refused, and what is left out on purpose
        (``noted``).
    progress
        Show a progress bar for each file that is opened.
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
        """Open the file, gzip or not, as bytes and with a progress bar; see `biosyn.files.open_binary`."""
        size = self.path.stat().st_size if self.path.is_file() else None
        with (
            tqdm(total=size, desc=self.path.name, unit="B", unit_scale=True, disable=not self._progress) as bar,
            open_binary(self.path, tick=bar.update) as file,
        ):
            yield file

    def lines(self, *, latin_1: bool = False) -> Iterator[tuple[int, str]]:
        """Yield ``(line number from 1, line without its end)``.

        Parameters
        ----------
        latin_1
            Take bytes that are not UTF-8 for Latin-1, and count their lines, in place of refusing these.
        """
        with self.open() as file:
            for number, raw in enumerate(file, 1):
                try:
                    line = decode_line(raw, self.path, number)
                except InputError as error:
                    if not latin_1:
                        self._refuse(BadEntryError("not UTF-8", str(error)))
                        continue
                    self.counts.note("line that is not UTF-8: read as Latin-1")
                    readable = raw.decode(errors="surrogateescape").translate(_LATIN_1).encode()
                    line = decode_line(readable, self.path, number)
                yield number, line

    def distinct(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return a concept's names as `distinct_names` does."""
        return distinct_names(names, self.counts)

    def malformed(self, reason: str, message: str, *, line: int | None = None) -> None:
        """Refuse an entry: raise BadEntryError, or return after counting it if bad entries are skipped.

        Parameters
        ----------
        reason
            Two or three words under which such entries are counted.
        """
        self._refuse(BadEntryError(reason, message, path=self.path, line=line))

    def _refuse(self, error: BadEntryError) -> None:
        with self.counts.entry():
            raise error


def distinct_names(names: Iterable[str], counts: ReadCounts) -> tuple[str, ...]:
    """Return a concept's distinct names, in order; empty and repeated ones are noted in the counts.

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
    """The content of a line, and its number for messages."""

    line: int
    content: Content


def split_rows(source: Source, *, separator: str, fields: int, more: bool = False) -> Iterator[Row[list[str]]]:
    """Yield the rows of a file in which each field ends in the separator, without quotes; empty lines are skipped.

    Parameters
    ----------
    fields
        The number of fields.
    more
        Whether a row may have further fields.
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


def delimited_rows(
    lines: Iterable[tuple[int, str]], source: Source, *, delimiter: str, quoted: bool = False
) -> Iterator[Row[list[str]]]:
    """Yield the rows of a source's numbered lines, split at tabs, or at commas outside double quotes.

    In tab-separated rows a quote is an ordinary character. In comma-separated rows, and where `quoted` says so, quotes
    enclose a field, which may contain doubled quotes and line ends; the row's number is that of its first line. Empty
    lines between rows are skipped. If the quotes of a row are wrong, its first line is malformed and reading continues
    on the next line, so that a quote left open by mistake does not swallow other rows.
    """
    if delimiter == "\t" and not quoted:
        yield from (Row(number, line.split("\t")) for number, line in lines if line)
        return
    given_back: deque[tuple[int, str]] = deque()
    following = iter(lines)
    while True:
        taken: list[tuple[int, str]] = []  # the lines of the current row
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
    """Yield the next lines, first those that were given back, and record them in ``taken``."""
    while line := given_back.popleft() if given_back else next(following, None):
        taken.append(line)
        yield f"{line[1]}\n"


def named_rows(
    rows: Iterable[Row[list[str]]], source: Source, *, columns: Sequence[str]
) -> Iterator[Row[dict[str, str]]]:
    """Yield rows as column -> field without surrounding blanks; a row must have a field for each column."""
    for number, fields in rows:
        if len(fields) == len(columns):
            yield Row(number, dict(zip(columns, map(str.strip, fields), strict=True)))
        else:
            message = f"expected {len(columns)} fields, as the header has, found {len(fields)}"
            source.malformed("number of fields", message, line=number)


def parts_of(field: str, separator: str = "|") -> tuple[str, ...]:
    """Return the non-empty parts of a field that holds a list.

    Examples
    --------
    >>> parts_of("AT| Louis-Bar syndrome ||"), parts_of("")
    (('AT', 'Louis-Bar syndrome'), ())
    """
    return tuple(part.strip() for part in field.split(separator) if part.strip())


def rows_by_concept(
    rows: Iterable[Row[Content]], source: Source, *, key: Callable[[Content], str]
) -> Iterator[tuple[str, list[Row[Content]]]]:
    """Yield ``(id, its rows)``; rows of one id are consecutive, so that only one concept is in memory at a time.

    Rows of an id that appears again later are malformed, because their concept is already written.
    """
    seen: set[str] = set()
    for cui, group in groupby(rows, lambda row: key(row.content)):
        together = list(group)
        if cui in seen:
            for row in together:
                message = f"'{cui}' appears again after other ids: sort the file by id"
                source.malformed("id comes again", message, line=row.line)
        else:
            seen.add(cui)
            yield cui, together

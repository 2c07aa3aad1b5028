"""PubTator: the id goes into the sixth column; every other line and column stays as it is.

This reader keeps all lines, including relations, further columns and unknown lines of real files.
`biosyn.corpora.pubtator` reads the same format as a corpus, and is strict.
"""

import re
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import Link, added_texts
from biosyn.mention_files.units import (
    NOT_UTF8,
    Mention,
    Unit,
    cut_span,
    decoded,
    is_of_types,
    is_same,
    raw_lines,
    split_line,
)

TITLE = re.compile(r"([^|\t]*)\|t\|(.*)", re.DOTALL)
_ABSTRACT = re.compile(r"([^|\t]*)\|a\|(.*)", re.DOTALL)
_ID_COLUMN = 5


class _Line(NamedTuple):
    """The line of a mention, and the bytes of the lines before it that have none."""

    before: bytes
    raw: bytes
    mention: Mention


def pubtator_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield one unit per document, which ends where the next title begins; ``types`` None means all."""
    document, documents, file = _Document("", types), 0, str(path)
    for number, raw in raw_lines(stream, path):
        body, _ = split_line(raw)
        if not body:
            document.keep(raw)
            continue
        text = decoded(body, number)
        shown = body.decode("utf-8", "replace") if text is None else text
        if title := _matched(TITLE, "|t|", shown):
            yield document.unit(keys)
            document, documents = _Document(title[1], types), documents + 1
        document.add(raw, shown, f"{file}:{number}", is_utf8=text is not None)
    if not documents:
        raise InputError("holds no 'pmid|t|title' line: is it a PubTator file?", path=path)
    yield document.unit(keys)


class _Document:
    """A document, built line by line."""

    def __init__(self, pmid: str, types: frozenset[str] | None):
        self._pmid = pmid
        self._types = types
        self._lines: list[_Line] = []
        self._rest = bytearray()  # the lines after the last mention
        self._other_types: list[str] = []
        self._title = self._abstract = ""

    def add(self, raw: bytes, text: str, place: str, *, is_utf8: bool) -> None:
        """Add the next line."""
        mention = None
        if title := _matched(TITLE, "|t|", text):
            self._title = title[2]
        elif abstract := _matched(_ABSTRACT, "|a|", text):
            self._abstract = abstract[2]
        elif not text.startswith("#"):  # a comment; titles and abstracts may hold tabs
            mention = self._mention(text, place)
        if not is_utf8:
            mention = Mention(text[:400], place, NOT_UTF8)
        if mention is None:
            self.keep(raw)
        else:
            self._lines.append(_Line(bytes(self._rest), raw, mention))
            self._rest.clear()

    def keep(self, raw: bytes) -> None:
        """Add a line without a mention."""
        self._rest += raw

    def unit(self, keys: Sequence[str]) -> Unit:
        """Return the document as a unit."""
        lines, rest = self._lines, bytes(self._rest)

        def render(links: Sequence[Link | None]) -> bytes:
            pairs = zip(lines, links, strict=True)
            return b"".join(line.before + _written(line.raw, link, keys) for line, link in pairs) + rest

        mentions = tuple(line.mention for line in lines)
        return Unit(mentions, render, f"{self._title}\n\n{self._abstract}\n", tuple(self._other_types))

    def _mention(self, text: str, place: str) -> Mention | None:
        """Return the line's mention, or None for a relation, another line, or a type that is not wanted."""
        fields = text.split("\t")
        has_span = len(fields) > 2 and fields[1].isdecimal() and fields[2].isdecimal()
        if not has_span and len(fields) <= _ID_COLUMN:
            return None
        if len(fields) > 4 and not is_of_types(fields[4], self._types):
            self._other_types.append(fields[4])
            return None
        problem = self._problem(fields) if has_span else "start and end must be numbers"
        return Mention(text[:400] if problem else fields[3], place, problem)

    def _problem(self, fields: list[str]) -> str:
        if fields[0] != self._pmid:
            return f"is a mention of document '{fields[0][:40]}' under '{self._pmid[:40]}'"
        if len(fields) < _ID_COLUMN:
            return f"has {len(fields)} columns: pmid, start, end, mention and type are needed"
        start, end = (int(field[:16]) for field in fields[1:3])
        if not start < end <= len(self._title) + 1 + len(self._abstract):
            return f"its span {start}-{end} lies outside the text"
        found = self._span(start, cut_span(fields[3], start, end))
        if not is_same(fields[3], found):
            return f"its span {start}-{end} holds {found[:60]!r}, not {fields[3][:60]!r}"
        return ""

    def _span(self, start: int, end: int) -> str:
        """Return a part of the text, which is the title, a blank and the abstract; it is joined for no mention."""
        middle = len(self._title)
        blank = " " if start <= middle < end else ""
        return self._title[start:end] + blank + self._abstract[max(start - middle - 1, 0) : max(end - middle - 1, 0)]


def _matched(line: re.Pattern[str], mark: str, text: str) -> re.Match[str] | None:
    return line.fullmatch(text) if mark in text else None  # most lines have no mark, which is soon found


def _written(raw: bytes, link: Link | None, keys: Sequence[str]) -> bytes:
    """Return the line with the id in its column, and name and score, if wanted, after the last column."""
    if link is None:
        return raw
    body, end = split_line(raw)
    columns = body.split(b"\t")
    added = [column.encode() for column in added_texts(link, keys).values()]
    columns[_ID_COLUMN : _ID_COLUMN + 1] = added[:1]
    return b"\t".join([*columns, *added[1:]]) + end

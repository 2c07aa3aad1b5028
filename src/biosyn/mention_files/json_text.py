"""JSON as a stream of text, consumed by token or by value; the pieces, joined, are the file, character by character."""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.json_places import NoJsonError, ParsedJson, parse_json, skip_blanks

BLOCK = 1 << 16  # bytes read at a time
MEMBERS = 1_000  # of an object that is taken apart, such as a collection: a few are known


class JsonPiece(NamedTuple):
    """A piece of the file; ``parsed`` is its value if it is a document, else None."""

    text: str
    parsed: ParsedJson | None = None


def value_piece(text: "JsonText") -> Iterator[JsonPiece]:
    """Yield the text consumed since the last piece, and then the next value."""
    text.peek()
    if before := text.cut():
        yield JsonPiece(before)
    value, _, objects = text.value()
    piece = text.cut()
    yield JsonPiece(piece, ParsedJson(value, len(piece), objects))


class JsonText:
    """The text of a stream, consumed by token or by value; only the part since the last cut is in memory.

    Text that is not UTF-8 or not the expected JSON is an InputError that names the line.

    Parameters
    ----------
    what
        What the file should be, for these errors.
    """

    def __init__(self, stream: IO[bytes], path: str | Path, *, what: str):
        self._stream = stream
        self._path = path
        self._what = what
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._line = 1  # of the first character since the last cut
        self._start = 0  # where that is
        self._read_on(len(codecs.BOM_UTF8))
        self._at = int(self._text == "\ufeff")  # the text before it is consumed

    @property
    def waiting(self) -> int:
        """The characters consumed since the last cut."""
        return self._at - self._start

    def cut(self) -> str:
        """Return the text consumed since the last cut, and drop it."""
        taken, self._start = self._text[self._start : self._at], self._at
        self._line += taken.count("\n")
        if self._start > len(self._text) // 2:  # at each cut, the rest would be copied for each of many small documents
            self._text, self._start, self._at = self._text[self._start :], 0, 0
        return taken

    def peek(self) -> str:
        """Consume blanks; return the character after them, or an empty text at the end."""
        while True:
            self._at = skip_blanks(self._text, self._at)
            if self._at < len(self._text) or not self._read_on(BLOCK):
                return self._text[self._at : self._at + 1]

    def take(self, allowed: str) -> str:
        """Consume blanks and one of the allowed characters, and return it."""
        found = self.peek()
        if not found or found not in allowed:
            raise self.unexpected(f"one of {' '.join(allowed)}")
        self._at += 1
        return found

    def inside(self, opening: str, closing: str) -> Iterator[None]:
        """Yield before each item of an array or object, which the caller consumes; consume brackets and commas."""
        self.take(opening)
        mark = "," if self.peek() != closing else self.take(closing)
        while mark == ",":
            yield
            mark = self.take(f",{closing}")

    def key(self) -> str:
        """Consume a key and its colon; return the key."""
        if self.peek() != '"':
            raise self.unexpected("a key in quotes")
        key = str(self.value().value)
        self.take(":")
        return key

    def members(self) -> Iterator[str]:
        """Yield the key of each member of an object, whose value the caller consumes."""
        for number, _ in enumerate(self.inside("{", "}")):
            if number == MEMBERS:
                raise self._error(f"an object that is no document has more than {MEMBERS:,} members", self._at)
            yield self.key()

    def value(self) -> ParsedJson:
        """Consume a value and return it."""
        self.peek()
        while True:
            try:
                parsed = parse_json(self._text, self._at)
            except NoJsonError as error:
                # the text doubles each time, so that a long value is parsed a few times only
                if not error.cut_short or not self._read_on(max(BLOCK, len(self._text))):
                    raise self._error(str(error), error.place) from error
            else:
                if parsed.end < len(self._text) or not self._read_on(BLOCK):  # a number may continue in the next block
                    self._at = parsed.end
                    return parsed

    def first_of(self, keys: Sequence[str]) -> str:
        """Return the first of these keys in the next object, or an empty text; consume nothing."""
        if self.peek() != "{":
            raise self.unexpected("a collection or document")
        start = self._at
        for key in self.members():
            if key in keys:
                self._at = start
                return key
            self.value()
        self._at = start
        return ""

    def _read_on(self, size: int) -> bool:
        """Read ``size`` more bytes, and say whether there were any."""
        try:
            data = self._stream.read(size)
            self._text += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise self._error(f"is not UTF-8 ({error.reason}): save the file as UTF-8", len(self._text)) from error
        return bool(data)

    def unexpected(self, what: str) -> InputError:
        """Return the error for something else than ``what`` at this place."""
        return self._error(f"{what} is expected, found {self._text[self._at : self._at + 20]!r}", self._at)

    def _error(self, what: str, place: int) -> InputError:
        line = self._line + self._text.count("\n", self._start, place)
        return InputError(f"is not {self._what}: {what}", path=self._path, line=line)

"""JSON text as a stream, taken token by token or value by value."""

import codecs
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TypeVar

from biosyn.errors import InputError
from biosyn.mention_files.json_places import Node, TruncatedError, parse_key, parse_separator, parse_value, skip_blanks

BLOCK = 1 << 16  # bytes read at a time

Parsed = TypeVar("Parsed")


class JsonText:
    """The text of a stream, of which only what is not yet taken is in memory.

    Every method that looks ahead or takes something raises an InputError that names the line, where the text is not
    UTF-8 or not the JSON that is expected.
    """

    def __init__(self, stream: IO[bytes], path: str | Path):
        self._stream = stream
        self._path = path
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._buffer = ""
        self._line = 1
        self._at_start = True
        self._blanks = ""  # taken already, to go with the next piece

    def at_end(self) -> bool:
        """Say whether nothing but blanks is left."""
        return self.peek() == ""

    def rest(self) -> str:
        """Return the blanks that are left at the end."""
        return self._blanks

    def peek(self) -> str:
        """Return the next character that is no blank, or an empty text at the end."""
        while True:
            if self._at_start and self._buffer:
                self._at_start = False
                self._blanks = self._drop(1 if self._buffer[0] == "\ufeff" else 0)
            self._blanks += self._drop(skip_blanks(self._buffer, 0))
            if self._buffer or not self._more():
                return self._buffer[:1]

    def take(self, allowed: str) -> str:
        """Take one of these characters, with the blanks before it."""
        self.require(allowed)
        return self._taken(1)

    def require(self, allowed: str) -> None:
        """Raise an InputError unless one of these characters comes next."""
        found = self.peek()
        if not found or found not in allowed:
            raise self._error(f"one of {' '.join(allowed)} is expected, found {self._buffer[:20]!r}")

    def key(self) -> tuple[str, str]:
        """Take a key and its colon; return it, and what was taken."""
        node = self._parsed(lambda: parse_key(self._buffer, 0))
        return str(node.value), self._taken(node.end)

    def blanks(self) -> str:
        """Take the blanks that come next."""
        self.peek()
        return self._taken(0)

    def value(self) -> tuple[str, Node]:
        """Take a value, no blank before it; return its text and its node, whose places are those in the text."""
        node = self._parsed(lambda: parse_value(self._buffer))
        return self._taken(node.end), node

    def first_of(self, keys: Sequence[str]) -> str:
        """Return the first of these keys in the object that comes next, or an empty text; nothing is taken."""
        if self.peek() != "{":
            raise self._error(f"a collection or document is expected, found {self._buffer[:20]!r}")
        return self._parsed(lambda: _first_key(self._buffer, keys))

    def _parsed(self, parse: Callable[[], Parsed]) -> Parsed:
        """Return what the function makes of the buffer, which is filled until it is enough."""
        self.peek()
        while True:
            try:
                return parse()
            except TruncatedError as error:
                if not self._more(len(self._buffer)):
                    raise self._error(str(error)) from error
            except ValueError as error:
                raise self._error(str(error)) from error

    def _more(self, least: int = BLOCK) -> bool:
        """Read on, as much again as there is, so that a long value is not parsed too often."""
        try:
            data = self._stream.read(max(BLOCK, least))
            self._buffer += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise self._error(f"is not UTF-8 ({error.reason}): save the file as UTF-8") from error
        return bool(data)

    def _drop(self, count: int) -> str:
        dropped, self._buffer = self._buffer[:count], self._buffer[count:]
        self._line += dropped.count("\n")
        return dropped

    def _taken(self, count: int) -> str:
        taken, self._blanks = self._blanks + self._drop(count), ""
        return taken

    def _error(self, what: str) -> InputError:
        return InputError(f"is no BioC JSON: {what}", path=self._path, line=self._line)


def _first_key(text: str, keys: Sequence[str]) -> str:
    """Return the first of these keys in the object at the text's start, or an empty text."""
    at = skip_blanks(text, 1)
    if text[at : at + 1] == "}":
        return ""
    while True:
        key = parse_key(text, at)
        if key.value in keys:
            return str(key.value)
        at, closed = parse_separator(text, parse_value(text, key.end).end, "}")
        if closed:
            return ""
        at = skip_blanks(text, at + 1)

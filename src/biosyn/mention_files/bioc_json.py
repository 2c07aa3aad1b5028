"""Read BioC JSON as a stream: documents as text and value, the text between them as text.

The pieces, joined, are the file, character by character.
"""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken, whole_number
from biosyn.mention_files.json_places import JsonObject, NoJsonError, ParsedJson, parse_json, skip_blanks

DOCUMENTS = ("documents", "PubTator3")  # the latter is the name in NCBI's service
BLOCK = 1 << 16  # bytes read at a time
PIECE = 1 << 16  # characters without a document that are a piece
MEMBERS = 1_000  # of a collection: a few are known


class JsonPiece(NamedTuple):
    """A piece of the file; ``parsed`` is its value if it is a document, else None."""

    text: str
    parsed: ParsedJson | None = None


def json_pieces(stream: IO[bytes], path: str | Path) -> Iterator[JsonPiece]:
    """Yield the file in pieces, each document as one piece.

    A collection is an object with an array ``documents``; a file holds one or several, in an array or one after the
    other. An object with ``passages`` is itself a document (JSON lines).
    """
    text = _JsonText(stream, path)
    if not text.peek():
        raise InputError("is not BioC JSON: it is empty", path=path)
    while text.peek():
        if text.peek() == "[":
            for _ in text.inside("[", "]"):
                yield from _collection(text)
        else:
            yield from _collection(text)
    yield JsonPiece(text.cut())


def json_document(value: Any, path: str | Path) -> BiocDocument:
    """Return the document; each annotation's ``source`` is its object."""
    members = value if isinstance(value, dict) else {}
    name = str(members.get("id", ""))
    try:
        passages = [
            _passage(part)
            for passage in _items(members, "passages", required=True)
            for part in (passage, *_items(passage, "sentences"))
        ]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:  # the last from a deeply nested infon
        raise broken(path, name, f"a part is missing or has the wrong type ({error})") from error
    return BiocDocument(name, tuple(passages))


def _collection(text: "_JsonText") -> Iterator[JsonPiece]:
    """Yield the pieces of one object: a document if ``passages`` is the first known key, else a collection."""
    if text.first_of(("passages", *DOCUMENTS)) == "passages":
        yield from _document(text)
        return
    for key in text.members():
        if key in DOCUMENTS and text.peek() == "[":
            for _ in text.inside("[", "]"):
                yield from _document(text)
        else:
            text.value()
    if text.waiting > PIECE:
        yield JsonPiece(text.cut())


def _document(text: "_JsonText") -> Iterator[JsonPiece]:
    """Yield the text consumed since the last piece, and then the next value."""
    text.peek()
    if before := text.cut():
        yield JsonPiece(before)
    value, _, objects = text.value()
    piece = text.cut()
    yield JsonPiece(piece, ParsedJson(value, len(piece), objects))


class _JsonText:
    """The text of a stream, consumed by token or by value; only the part since the last cut is in memory.

    Text that is not UTF-8 or not the expected JSON is an InputError that names the line.
    """

    def __init__(self, stream: IO[bytes], path: str | Path):
        self._stream = stream
        self._path = path
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
            raise self._unexpected(f"one of {' '.join(allowed)}")
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
            raise self._unexpected("a key in quotes")
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
            raise self._unexpected("a collection or document")
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

    def _unexpected(self, what: str) -> InputError:
        return self._error(f"{what} is expected, found {self._text[self._at : self._at + 20]!r}", self._at)

    def _error(self, what: str, place: int) -> InputError:
        line = self._line + self._text.count("\n", self._start, place)
        return InputError(f"is not BioC JSON: {what}", path=self._path, line=line)


def _passage(members: JsonObject) -> BiocPassage:
    annotations = tuple(_annotation(child) for child in _items(members, "annotations"))
    return BiocPassage(_whole(members["offset"]), _text(members), annotations, _infons(members))


def _annotation(members: JsonObject) -> BiocAnnotation:
    locations = tuple((_whole(each["offset"]), _whole(each["length"])) for each in _items(members, "locations"))
    return BiocAnnotation(str(members.get("id", "")), _text(members), _infons(members), locations, members)


def _items(members: Mapping[str, Any], key: str, *, required: bool = False) -> list[JsonObject]:
    """Return the array's elements, or none if it is missing and not required."""
    if key not in members and not required:
        return []
    items = members[key]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TypeError(f"'{key}' is not an array of objects")
    return items


def _infons(members: JsonObject) -> dict[str, str]:
    return {key: str(value) for key, value in members.get("infons", {}).items()}


def _whole(value: Any) -> int:
    """Return a whole number, which some tools write as a string; -1 for anything else."""
    if isinstance(value, str):
        return whole_number(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _text(members: JsonObject) -> str | None:
    """Return the text, None if it is missing; null is an error."""
    text = members.get("text", "")
    if not isinstance(text, str):
        raise TypeError("a 'text' is not a string")
    return text if "text" in members else None

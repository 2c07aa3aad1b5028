"""BioC JSON as a stream: the documents as text with places, all that stands around them as text.

The pieces joined are the file again, to the letter.
"""

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from biosyn.errors import InputError
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken
from biosyn.mention_files.json_places import Node, TruncatedError, parse_key, parse_separator, parse_value, skip_blanks

DOCUMENTS = ("documents", "PubTator3")  # the latter is what NCBI's service calls them
BLOCK = 1 << 16  # bytes read at a time
Parsed = TypeVar("Parsed")


class JsonPiece(NamedTuple):
    """A piece of the file; ``node`` is the document that it is, with places in ``text``, or None."""

    text: str
    node: Node | None = None


def json_pieces(stream: IO[bytes], path: str | Path) -> Iterator[JsonPiece]:
    """Yield the file in pieces: each document is one of its own.

    A collection is an object with an array ``documents``; several may stand in an array, or one after the other. An
    object with ``passages`` is itself a document (JSON lines).

    Raises
    ------
    InputError
        If the text is not JSON or not UTF-8; the line is named.
    """
    text = JsonText(stream, path)
    if text.at_end():
        raise InputError("is no BioC JSON: it is empty", path=path)
    while not text.at_end():
        if text.peek() == "[":
            yield from _array(text, lambda: _collection(text))
        else:
            yield from _collection(text)
    yield JsonPiece(text.rest())


def json_document(node: Node, path: str | Path) -> BiocDocument:
    """Return the document; each annotation's ``source`` is its node.

    Raises
    ------
    InputError
        If a part of it is missing or is of another kind than BioC's.
    """
    members = node.value if isinstance(node.value, dict) else {}
    name = str(members["id"].value) if "id" in members else ""
    try:
        passages = [
            _passage(part)
            for passage in _items(members, "passages", required=True)
            for part in (passage, *_items(passage.value, "sentences"))
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise broken(path, name, f"a part is missing or of another kind than BioC's ({error})") from error
    return BiocDocument(name, tuple(passages))


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


def _collection(text: JsonText) -> Iterator[JsonPiece]:
    """Yield the pieces of one object, which is a collection, or a document where ``passages`` comes first."""
    if text.first_of(("passages", *DOCUMENTS)) == "passages":
        yield from _document(text)
        return
    yield JsonPiece(text.take("{"))
    while text.peek() != "}":
        key, written = text.key()
        yield JsonPiece(written)
        if key in DOCUMENTS and text.peek() == "[":
            yield from _array(text, lambda: _document(text))
        else:
            yield from (piece._replace(node=None) for piece in _document(text))
        if text.peek() != "}":
            yield JsonPiece(text.take(","))
            text.require('"')
    yield JsonPiece(text.take("}"))


def _array(text: JsonText, element: Callable[[], Iterator[JsonPiece]]) -> Iterator[JsonPiece]:
    yield JsonPiece(text.take("["))
    mark = "," if text.peek() != "]" else "]"
    if mark == "]":
        yield JsonPiece(text.take("]"))
    while mark == ",":
        yield from element()
        mark = text.peek()
        yield JsonPiece(text.take(",]"))


def _document(text: JsonText) -> Iterator[JsonPiece]:
    """Yield a value with its node, and before it the blanks if there are any."""
    if blanks := text.blanks():
        yield JsonPiece(blanks)
    yield JsonPiece(*text.value())


def _passage(node: Node) -> BiocPassage:
    members = node.value
    text = members.get("text")
    annotations = tuple(_annotation(child) for child in _items(members, "annotations"))
    return BiocPassage(
        _whole(members["offset"]), None if text is None else _string(text), annotations, _infons(members)
    )


def _annotation(node: Node) -> BiocAnnotation:
    members = node.value
    text = members.get("text")
    places = tuple(
        (_whole(place.value["offset"]), _whole(place.value["length"])) for place in _items(members, "locations")
    )
    name = str(members["id"].value) if "id" in members else ""
    return BiocAnnotation(name, None if text is None else _string(text), _infons(members), places, node)


def _items(members: Mapping[str, Node], key: str, *, required: bool = False) -> list[Node]:
    """Return the array's elements; none where it is missing, unless it is required."""
    if key not in members and not required:
        return []
    items = members[key].value
    if not isinstance(items, list) or not all(isinstance(item.value, dict) for item in items):
        raise TypeError(f"'{key}' is no array of objects")
    return items


def _infons(members: Mapping[str, Node]) -> dict[str, str]:
    infons = members["infons"].value if "infons" in members else {}
    return {key: str(value.value) for key, value in infons.items()}


def _whole(node: Node) -> int:
    """Return a whole number, of which some tools write a string; -1 for anything else."""
    value = node.value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _string(node: Node) -> str:
    if not isinstance(node.value, str):
        raise TypeError("a 'text' is no string")
    return node.value


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

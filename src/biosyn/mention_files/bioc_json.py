"""BioC JSON as a stream: the documents as text with places, all that stands around them as text.

The pieces joined are the file again, to the letter.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from biosyn.data.json_text import JsonText
from biosyn.errors import InputError
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken
from biosyn.mention_files.json_places import Node

DOCUMENTS = ("documents", "PubTator3")  # the latter is what NCBI's service calls them


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

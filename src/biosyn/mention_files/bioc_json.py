"""Read BioC JSON as a stream: documents as text and value, the text between them as text.

The pieces, joined, are the file, character by character.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from biosyn.errors import InputError
from biosyn.files import json_text
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken, whole_number
from biosyn.mention_files.json_places import JsonObject
from biosyn.mention_files.json_text import JsonPiece, JsonText, value_piece

DOCUMENTS = ("documents", "PubTator3")  # the latter is the name in NCBI's service
PIECE = 1 << 16  # characters without a document that are a piece


def json_pieces(stream: IO[bytes], path: str | Path) -> Iterator[JsonPiece]:
    """Yield the file in pieces, each document as one piece.

    A collection is an object with an array ``documents``; a file holds one or several, in an array or one after the
    other. An object with ``passages`` is itself a document (JSON lines). An object with neither is refused.
    """
    text = JsonText(stream, path, what="BioC JSON")
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
    name = _id(members)
    try:
        passages = [
            _passage(part)
            for passage in items_of(members, "passages", required=True)
            for part in (passage, *items_of(passage, "sentences"))
        ]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:  # the last from a deeply nested infon
        raise broken(path, name, f"a part is missing or has the wrong type ({error})") from error
    return BiocDocument(name, tuple(passages))


def _collection(text: JsonText) -> Iterator[JsonPiece]:
    """Yield the pieces of one object: a document if ``passages`` is the first known key, else a collection."""
    first = text.first_of(("passages", *DOCUMENTS))
    if first == "passages":
        yield from value_piece(text)
        return
    for key in text.members():
        if not first:
            raise text.unexpected("a collection with 'documents', or a document with 'passages',")
        if key in DOCUMENTS and text.peek() != "n":  # null
            for _ in text.inside("[", "]"):
                yield from value_piece(text)
        else:
            text.value()
    if text.waiting > PIECE:
        yield JsonPiece(text.cut())


def _passage(members: JsonObject) -> BiocPassage:
    annotations = tuple(_annotation(child) for child in items_of(members, "annotations"))
    return BiocPassage(_whole(members["offset"]), _text(members), annotations, _infons(members)[0])


def _annotation(members: JsonObject) -> BiocAnnotation:
    locations = tuple((_whole(each["offset"]), _whole(each["length"])) for each in items_of(members, "locations"))
    infons, unread = _infons(members)
    return BiocAnnotation(_id(members), _text(members), infons, locations, members, unread)


def items_of(members: Mapping[str, Any], key: str, *, required: bool = False) -> list[JsonObject]:
    """Return the array's elements, or none if it is missing and not required; a TypeError if it holds others."""
    if key not in members and not required:
        return []
    items = members[key]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TypeError(f"'{key}' is not an array of objects")
    return items


def _infons(members: JsonObject) -> tuple[dict[str, str], dict[str, str]]:
    """Return the infons that have a text, and the JSON of those that have none; null and an empty list are no value.

    The items of a list are joined by ``|`` as ids are, those of types by ``,``.
    """
    infons, unread = {}, {}
    for key, value in members.get("infons", {}).items():
        try:
            texts = texts_of(value)
        except TypeError:
            unread[key] = json_text(value)
        else:
            if texts:
                infons[key] = ("," if key == "type" else "|").join(texts)
    return infons, unread


def texts_of(value: Any) -> list[str]:
    """Return the texts in a value: of a string, a number, a list, or what an object names as its identifier.

    Any other value is a TypeError.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    if isinstance(value, float):  # 7157.0 is what a table of numbers with a gap makes of 7157
        return [str(int(value)) if value.is_integer() else str(value)]
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    if isinstance(value, dict) and "identifier" in value:
        return texts_of(value["identifier"])
    raise TypeError("is no text")


def _id(members: JsonObject) -> str:
    """Return the id of a document or annotation, empty if it is missing, null or no text."""
    value = members.get("id")
    return "|".join(texts_of(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


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

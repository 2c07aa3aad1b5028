"""PubAnnotation JSON: links become members of the denotations, which do not change otherwise.

Source of the format: https://www.pubannotation.org/docs/annotation-format/. A file holds one document, several in an
array, or one after the other; a document's ``denotations`` may be in ``tracks``.
"""

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from biosyn.errors import InputError
from biosyn.mention_files.added_columns import Link, added_fields, already_linked
from biosyn.mention_files.json_places import JsonObject, with_members_of
from biosyn.mention_files.json_text import JsonPiece, JsonText, value_piece
from biosyn.mention_files.units import Mention, Unit, bad_unit, is_of_types, plain_unit


def pubannotation_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield one unit per document, and units for the text between them; ``types`` None means all."""
    number = 0
    for piece in _pieces(JsonText(stream, path, what="PubAnnotation JSON")):
        if piece.parsed is None:
            yield plain_unit(piece.text.encode())
            continue
        number += 1
        place = f"{path}: document '{_name(piece.parsed.value, number)}'"
        try:
            text, denotations = _document(piece.parsed.value)
        except ValueError as error:
            yield bad_unit(piece.text.encode(), place, str(error))
        else:
            yield _unit(piece, text, denotations, place, types, keys)
    if not number:
        raise InputError("is not PubAnnotation JSON: it holds no document", path=path)


def _pieces(text: JsonText) -> Iterator[JsonPiece]:
    while text.peek():
        if text.peek() == "[":
            for _ in text.inside("[", "]"):
                yield from value_piece(text)
        else:
            yield from value_piece(text)
    yield JsonPiece(text.cut())


def _unit(
    piece: JsonPiece,
    text: str,
    denotations: Sequence[JsonObject],
    place: str,
    types: frozenset[str] | None,
    keys: Sequence[str],
) -> Unit:
    wanted = [one for one in denotations if is_of_types(_type(one), types)]
    other_types = tuple(_type(one) for one in denotations if not is_of_types(_type(one), types))
    mentions = tuple(_mention(one, text, f"{place}, denotation '{str(one.get('id', ''))[:60]}'") for one in wanted)

    def render(links: Sequence[Link | None]) -> bytes:
        assert piece.parsed is not None  # it is a document
        pairs = zip(wanted, links, strict=True)
        added = [(one, dict(added_fields(link, keys))) for one, link in pairs if link]
        return with_members_of(piece.text, piece.parsed.objects, added).encode()

    return Unit(mentions, render, f"{text}\n", other_types)


def _name(value: Any, number: int) -> str:
    """Return what identifies a document: its id in its database, or its place in the file."""
    return str(value.get("sourceid") or number)[:60] if isinstance(value, dict) else str(number)


def _document(value: Any) -> tuple[str, list[JsonObject]]:
    """Return a document's text and denotations, or raise a ValueError."""
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise ValueError("has no 'text': is it PubAnnotation JSON?")
    denotations = [one for part in (value, *_objects(value, "tracks")) for one in _objects(part, "denotations")]
    return value["text"], denotations


def _objects(value: JsonObject, key: str) -> list[JsonObject]:
    found = value.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError(f"its '{key}' is not an array of objects")
    return found


def _type(denotation: JsonObject) -> str:
    kind = denotation.get("obj")
    return ",".join(map(str, kind)) if isinstance(kind, list) else str(kind or "")


def _mention(denotation: JsonObject, text: str, place: str) -> Mention:
    """Return the mention in a denotation's span; one of several spans has their texts with blanks between them."""
    span = denotation.get("span")
    pieces = []
    for one in span if isinstance(span, list) and span else [span]:
        start, end = (one.get("begin"), one.get("end")) if isinstance(one, dict) else (None, None)
        if type(start) is not int or type(end) is not int:
            return Mention("", place, "has no span with the numbers 'begin' and 'end'")
        if not 0 <= start < end <= len(text):
            return Mention("", place, f"its span {start}-{end} lies outside the text")
        pieces.append(text[start:end])
    return Mention(" ".join(" ".join(pieces).split()), place, already_linked(denotation))

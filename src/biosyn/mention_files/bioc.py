"""BioC XML and JSON: the links become infons of the annotations."""

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from biosyn.errors import InputError
from biosyn.files import open_binary
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, annotation_problem
from biosyn.mention_files.bioc_json import json_document, json_pieces
from biosyn.mention_files.bioc_xml import add_infons, to_bytes, xml_document, xml_pieces
from biosyn.mention_files.json_places import JsonObject, ParsedJson, with_members_of
from biosyn.mention_files.units import Link, Mention, Unit, added_texts, already_linked, bad_unit, plain_unit


def bioc_xml_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield a unit a document, and units for what stands around them; ``types`` None means all."""
    for piece in xml_pieces(stream, path):
        if isinstance(piece, bytes):
            yield plain_unit(piece)
        else:
            try:
                document = xml_document(piece, path)
            except InputError as error:
                yield bad_unit(to_bytes(piece), str(path), str(error).removeprefix(f"{path}: "))
            else:
                yield _xml_unit(piece, document, path, types, keys)


def bioc_json_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield a unit a document, and units for what stands around them; ``types`` None means all."""
    for piece in json_pieces(stream, path):
        if piece.parsed is None:
            yield plain_unit(piece.text.encode())
        else:
            try:
                document = json_document(piece.parsed.value, path)
            except InputError as error:
                yield bad_unit(piece.text.encode(), str(path), str(error).removeprefix(f"{path}: "))
            else:
                yield _json_unit(piece.text, piece.parsed, document, path, types, keys)


def _xml_unit(
    element: Any, document: BiocDocument, path: str | Path, types: frozenset[str] | None, keys: Sequence[str]
) -> Unit:
    annotations, mentions = _mentions(document, path, types)

    def render(links: Sequence[Link | None]) -> bytes:
        for annotation, link in zip(annotations, links, strict=True):
            if link:
                add_infons(annotation.source, added_texts(link, keys))
        return to_bytes(element)

    return Unit(mentions, render, document.text)


def _json_unit(
    text: str,
    parsed: ParsedJson,
    document: BiocDocument,
    path: str | Path,
    types: frozenset[str] | None,
    keys: Sequence[str],
) -> Unit:
    annotations, mentions = _mentions(document, path, types)

    def render(links: Sequence[Link | None]) -> bytes:
        added = [
            _json_addition(annotation.source, added_texts(link, keys))
            for annotation, link in zip(annotations, links, strict=True)
            if link
        ]
        return with_members_of(text, parsed.objects, added).encode()

    return Unit(mentions, render, document.text)


def _json_addition(annotation: JsonObject, infons: JsonObject) -> tuple[JsonObject, JsonObject]:
    return (annotation["infons"], infons) if "infons" in annotation else (annotation, {"infons": infons})


def _mentions(
    document: BiocDocument, path: str | Path, types: frozenset[str] | None
) -> tuple[list[BiocAnnotation], tuple[Mention, ...]]:
    """Return the annotations that are wanted, and their mentions in the same order."""
    annotations, mentions = [], []
    for passage in document.passages:
        for annotation in passage.annotations:
            if types is None or annotation.infons.get("type") in types:
                place = f"{path}: document '{document.id[:60]}', annotation '{annotation.id[:60]}'"
                problem = annotation_problem(annotation, passage) or already_linked(annotation.infons)
                annotations.append(annotation)
                mentions.append(Mention(annotation.text or "", place, problem))
    return annotations, tuple(mentions)


def read_bioc(path: str | Path) -> Iterator[BiocDocument]:
    """Yield the documents of a BioC file: XML, JSON, or JSON with a document a line; ``.gz`` is unpacked.

    What the file is is seen from its first character.

    Raises
    ------
    InputError
        If it is none of these, not well-formed, or declares entities; the place is named.
    """
    with open_binary(path) as stream:
        head = stream.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if head in (b"<", b"\xff", b"\xfe"):  # the last two begin UTF-16
            for part in xml_pieces(stream, path):
                if not isinstance(part, bytes):
                    yield xml_document(part, path)
        else:
            for piece in json_pieces(stream, path):
                if piece.parsed is not None:
                    yield json_document(piece.parsed.value, path)

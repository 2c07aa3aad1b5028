"""Read BioC XML and JSON, BigBio's too, document by document; links become infons of the annotations.

Files need not be trusted, and are never in memory as a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

from biosyn.errors import InputError
from biosyn.files import open_binary
from biosyn.mention_files.added_columns import Link, added_texts, already_linked
from biosyn.mention_files.bigbio import bigbio_document, bigbio_with, is_bigbio
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, annotation_problem
from biosyn.mention_files.bioc_json import json_document, json_pieces
from biosyn.mention_files.bioc_xml import add_infons, to_bytes, xml_document, xml_pieces
from biosyn.mention_files.json_places import JsonObject, ParsedJson, with_members_of
from biosyn.mention_files.units import Mention, Unit, bad_unit, is_of_types, plain_unit

Infons = tuple[Any, dict[str, str]]
"""The source of an annotation, an XML element or JSON object, and the infons to add to it."""


def read_bioc(path: str | Path) -> Iterator[BiocDocument]:
    """Yield the documents of a BioC file: XML, JSON, or JSON with one document per line; ``.gz`` is unpacked.

    Documents in JSON may be BigBio's. The first character tells XML from JSON. XML that declares entities is refused.
    """
    with open_binary(path) as stream:
        head = stream.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if head in (b"<", b"\xff", b"\xfe"):  # UTF-16 begins with the last two
            for part in xml_pieces(stream, path):
                if not isinstance(part, bytes):
                    yield xml_document(part, path)
        else:
            for piece in json_pieces(stream, path):
                if piece.parsed is not None:
                    yield _json_document(piece.parsed.value, path)


def bioc_xml_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield one unit per document, and units for the text between them; ``types`` None means all."""
    for piece in xml_pieces(stream, path):
        if isinstance(piece, bytes):
            yield plain_unit(piece)
        else:
            yield _unit(partial(xml_document, piece), partial(_xml_with, piece), path, types, keys)


def bioc_json_units(
    stream: BufferedReader, path: str | Path, *, types: frozenset[str] | None, keys: Sequence[str]
) -> Iterator[Unit]:
    """Yield one unit per document, and units for the text between them; ``types`` None means all."""
    for text, parsed in json_pieces(stream, path):
        if parsed is None:
            yield plain_unit(text.encode())
        else:
            yield _unit(partial(_json_document, parsed.value), partial(_json_with, text, parsed), path, types, keys)


def _unit(
    read: Callable[[str | Path], BiocDocument],
    written_with: Callable[[Sequence[Infons]], bytes],
    path: str | Path,
    types: frozenset[str] | None,
    keys: Sequence[str],
) -> Unit:
    """Return the unit of a document; ``read`` parses it, and ``written_with`` gives its bytes with infons added."""
    try:
        document = read(path)
    except InputError as error:
        return bad_unit(written_with(()), str(path), str(error).removeprefix(f"{path}: "))
    annotations, mentions, other_types = _mentions(document, path, types)

    def render(links: Sequence[Link | None]) -> bytes:
        pairs = zip(annotations, links, strict=True)
        return written_with([(annotation.source, added_texts(link, keys)) for annotation, link in pairs if link])

    return Unit(mentions, render, document.text, other_types)


def _xml_with(document: Any, added: Sequence[Infons]) -> bytes:
    for annotation, infons in added:
        add_infons(annotation, infons)
    return to_bytes(document)


def _json_document(value: Any, path: str | Path) -> BiocDocument:
    return bigbio_document(value, path) if is_bigbio(value) else json_document(value, path)


def _json_with(text: str, parsed: ParsedJson, added: Sequence[Infons]) -> bytes:
    if added and is_bigbio(parsed.value):
        return bigbio_with(parsed.value, added)
    return with_members_of(text, parsed.objects, [_json_members(*one) for one in added]).encode()


def _json_members(annotation: JsonObject, infons: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return the object to extend and its new members: the annotation's infons object, or the annotation itself."""
    return (annotation["infons"], infons) if "infons" in annotation else (annotation, {"infons": infons})


def _mentions(
    document: BiocDocument, path: str | Path, types: frozenset[str] | None
) -> tuple[list[BiocAnnotation], tuple[Mention, ...], tuple[str, ...]]:
    """Return the annotations of the wanted types, their mentions in the same order, and the types of the others."""
    annotations, mentions, other_types = [], [], []
    for passage in document.passages:
        for annotation in passage.annotations:
            kind = annotation.infons.get("type", "")
            if not is_of_types(kind, types):
                other_types.append(kind)
            else:
                place = f"{path}: document '{document.id[:60]}', annotation '{annotation.id[:60]}'"
                problem = annotation_problem(annotation, passage) or already_linked(
                    (*annotation.infons, *annotation.unread)
                )
                annotations.append(annotation)
                mentions.append(Mention(annotation.text or "", place, problem))
    return annotations, tuple(mentions), tuple(other_types)

"""BioC collections, XML or JSON, document by document: safe to read from anyone, and never whole in memory."""

from collections.abc import Iterator
from pathlib import Path

from biosyn.files import open_binary
from biosyn.mention_files.bioc_documents import BiocDocument
from biosyn.mention_files.bioc_json import json_document, json_pieces
from biosyn.mention_files.bioc_xml import xml_document, xml_pieces


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
                if piece.node is not None:
                    yield json_document(piece.node, path)

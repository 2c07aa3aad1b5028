"""BioC XML as a stream: the documents as elements, all that stands around them as bytes.

The pieces, elements written by `to_bytes`, make up the file again: equal after C14N, comments, infon order, attributes
and blanks included. In bytes it may differ as lxml writes: UTF-8, quotes of attributes, ``<a/>`` for ``<a></a>``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from biosyn.data.xml import lxml_etree
from biosyn.errors import InputError
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken

Element = Any  # of lxml, which is optional and has no types

MARK = b"<!---->"


def xml_pieces(stream: IO[bytes], path: str | Path) -> Iterator[bytes | Element]:
    """Yield what is before the first document, each ``document`` element with the text after it, and what follows.

    No entity is expanded, no DTD loaded, nothing read but the stream. A DOCTYPE that only names ``BioC.dtd`` is kept.

    Raises
    ------
    InputError
        If the file is not well-formed or too deep, its root is not ``collection``, or its DOCTYPE declares anything.
    """
    etree = lxml_etree()
    events = etree.iterparse(
        stream,
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        strip_cdata=False,
        collect_ids=False,
    )
    root, depth, frame = None, 0, (b"", b"")
    try:
        for event, element in events:
            if root is None:
                root = element
                _require_bioc(root, path)
            depth += 1 if event == "start" else -1
            if event == "start" and depth == 2 and not frame[0]:  # now the text before the first child is known
                frame = _frame(root)
                yield frame[0]
            if event == "end" and depth == 1:
                yield from _released(root, keep=element)
    except etree.XMLSyntaxError as error:
        raise _syntax(error, path) from error
    assert root is not None  # an empty file is a syntax error
    if not frame[0]:
        frame = _frame(root)
        yield frame[0]
    yield from _released(root)
    yield frame[1] + b"".join(to_bytes(node) for node in root.itersiblings()) + b"\n"


def to_bytes(element: Element) -> bytes:
    """Write an element and the text after it, as UTF-8."""
    return bytes(lxml_etree().tostring(element, encoding="UTF-8"))


def xml_document(element: Element, path: str | Path) -> BiocDocument:
    """Return the document; each annotation's ``source`` is its element.

    Raises
    ------
    InputError
        If an offset is no number, or an entity stands in it.
    """
    name = element.findtext("id") or ""
    if next(element.iter(lxml_etree().Entity), None) is not None:
        raise broken(path, name, "an entity stands in it: write the character itself")
    passages = [
        _passage(part, name, path)
        for passage in element.iterchildren("passage")
        for part in (passage, *passage.iterchildren("sentence"))
    ]
    return BiocDocument(name, tuple(passages))


def add_infons(annotation: Element, infons: Mapping[str, str]) -> None:
    """Add infons after those that are there, each followed by the same blanks as the one before it.

    Taken out again with the text after them, they leave the annotation as it was.
    """
    etree = lxml_etree()
    present = annotation.findall("infon")
    at, blanks = (annotation.index(present[-1]) + 1, present[-1].tail) if present else (0, annotation.text)
    for key, value in reversed(list(infons.items())):
        infon = etree.Element("infon", key=key)
        infon.text, infon.tail = value, blanks
        annotation.insert(at, infon)


def _passage(element: Element, document: str, path: str | Path) -> BiocPassage:
    offset = _number(element.findtext("offset"))
    if offset < 0:
        raise broken(path, document, f"the offset of a {element.tag} is no number")
    annotations = tuple(_annotation(child) for child in element.iterchildren("annotation"))
    return BiocPassage(offset, _text(element), annotations, _infons(element))


def _annotation(element: Element) -> BiocAnnotation:
    places = tuple(
        (_number(place.get("offset")), _number(place.get("length"))) for place in element.iterchildren("location")
    )
    return BiocAnnotation(element.get("id") or "", _text(element), _infons(element), places, element)


def _infons(element: Element) -> dict[str, str]:
    return {infon.get("key") or "": "".join(infon.itertext()) for infon in element.iterchildren("infon")}


def _text(element: Element) -> str | None:
    found = element.find("text")
    return None if found is None else "".join(found.itertext())


def _number(text: str | None) -> int:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else -1


def _released(root: Element, keep: Element = None) -> Iterator[bytes | Element]:
    """Take the children before ``keep`` out of the tree, whose text after them is complete, and give them on."""
    while len(root) and root[0] is not keep:
        child = root[0]
        root.remove(child)
        yield child if child.tag == "document" else to_bytes(child)


def _frame(root: Element) -> tuple[bytes, bytes]:
    """Return all that comes before the root's first child, and the root's end."""
    etree = lxml_etree()
    info = root.getroottree().docinfo
    shell = etree.Element(root.tag, dict(root.attrib), nsmap=root.nsmap)
    shell.text = root.text
    shell.append(etree.Comment(""))
    start, _, end = to_bytes(shell).rpartition(MARK)
    heads = ["<?xml version='1.0' encoding='UTF-8'?>", *([info.doctype] if info.doctype else [])]
    before = [to_bytes(node) for node in reversed(list(root.itersiblings(preceding=True)))]
    return b"\n".join([*(head.encode() for head in heads), *before, start]), end


def _require_bioc(root: Element, path: str | Path) -> None:
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and (any(declared.iterentities()) or any(declared.iterelements())):
        raise InputError("its DOCTYPE declares entities or elements of its own: take the [...] part out", path=path)
    if root.tag != "collection":
        raise InputError(f"is no BioC: its root is <{str(root.tag)[:40]}>, not <collection>", path=path)


def _syntax(error: Any, path: str | Path) -> InputError:
    return InputError(f"is not well-formed XML: {error.msg}", path=path, line=error.position[0])

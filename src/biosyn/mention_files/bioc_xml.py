"""Read BioC XML as a stream: documents as elements, the text between them as bytes.

The pieces, with elements written by `to_bytes`, are the file, equal after C14N with comments, infon order, attributes
and blanks. The bytes are those that lxml writes: UTF-8, its quotes around attributes, ``<a/>`` for ``<a></a>``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from biosyn.data.xml import entity_in, lxml_etree, syntax_problem, undefined_entities
from biosyn.errors import InputError
from biosyn.mention_files.bioc_documents import BiocAnnotation, BiocDocument, BiocPassage, broken, whole_number

Element = Any  # of lxml, which is optional and has no types

MARK = b"<!---->"
OUTSIDE = 1_000  # comments and instructions before or after the root: to write one, lxml goes past all


def xml_pieces(stream: IO[bytes], path: str | Path) -> Iterator[bytes | Element]:
    """Yield the start of the file, each ``document`` element with the text after it, and the end of the file.

    No entity is expanded, no DTD loaded, nothing but the stream read. A DOCTYPE that only names ``BioC.dtd`` is kept;
    one with declarations is refused, and so are a file that is nested too deep and an entity in an attribute.
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
    entities: Counter[str] = Counter()  # that were seen in texts
    try:
        for event, element in events:
            if root is None:
                root = element
                _require_bioc(root, path)
            depth += 1 if event == "start" else -1
            if event == "start" and depth == 2 and not frame[0]:  # the text before the first child is complete
                frame = _frame(root, path)
                yield frame[0]
            if event == "end" and depth == 1:
                yield from _released(root, entities, keep=element)
    except etree.XMLSyntaxError as error:
        problem, line = syntax_problem(error, events.error_log)
        raise InputError(problem, path=path, line=line) from error
    assert root is not None  # an empty file is a syntax error
    if not frame[0]:
        frame = _frame(root, path)
        yield frame[0]
    yield from _released(root, entities)
    for name, line in undefined_entities(events.error_log):
        entities[name] -= 1
        if entities[name] < 0:
            message = f"the entity &{name}; in an attribute is not defined: write the character itself"
            raise InputError(message, path=path, line=line)
    yield frame[1] + b"".join(_outside(root, path, preceding=False)) + b"\n"


def to_bytes(element: Element) -> bytes:
    """Write an element and the text after it, as UTF-8."""
    return bytes(lxml_etree().tostring(element, encoding="UTF-8"))


def xml_document(element: Element, path: str | Path) -> BiocDocument:
    """Return the document; each annotation's ``source`` is its element. A document with an entity is refused."""
    name = element.findtext("id") or ""
    if (found := entity_in(element)) is not None:
        raise broken(path, name, f"it holds the entity &{found[0]}; in line {found[1]}: write the character itself")
    passages = [
        _passage(part, name, path)
        for passage in element.iterchildren("passage")
        for part in (passage, *passage.iterchildren("sentence"))
    ]
    return BiocDocument(name, tuple(passages))


def add_infons(annotation: Element, infons: Mapping[str, str]) -> None:
    """Add infons after the present ones, each followed by the same blanks as the one before it.

    Removing them with the text after them restores the annotation.
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
        raise broken(path, document, f"the offset of a {element.tag} is not a number")
    annotations = tuple(_annotation(child) for child in element.iterchildren("annotation"))
    return BiocPassage(offset, _text(element), annotations, _infons(element))


def _annotation(element: Element) -> BiocAnnotation:
    locations = tuple(
        (_number(each.get("offset")), _number(each.get("length"))) for each in element.iterchildren("location")
    )
    return BiocAnnotation(element.get("id") or "", _text(element), _infons(element), locations, element)


def _infons(element: Element) -> dict[str, str]:
    return {infon.get("key") or "": "".join(infon.itertext()) for infon in element.iterchildren("infon")}


def _text(element: Element) -> str | None:
    found = element.find("text")
    return None if found is None else "".join(found.itertext())


def _number(text: str | None) -> int:
    return whole_number((text or "").strip())


def _released(root: Element, entities: Counter[str], keep: Element = None) -> Iterator[bytes | Element]:
    """Remove the children before ``keep`` from the tree and yield them; the text after each of them is complete.

    Parameters
    ----------
    entities
        Gets the entities in them.
    """
    while (child := next(iter(root), None)) is not None and child is not keep:  # len(root) would count them all
        root.remove(child)
        entities.update(entity.name for entity in child.iter(lxml_etree().Entity))
        yield child if child.tag == "document" else to_bytes(child)


def _frame(root: Element, path: str | Path) -> tuple[bytes, bytes]:
    """Return everything before the root's first child, and the root's end tag."""
    etree = lxml_etree()
    info = root.getroottree().docinfo
    shell = etree.Element(root.tag, dict(root.attrib), nsmap=root.nsmap)
    shell.text = root.text
    shell.append(etree.Comment(""))
    start, _, end = to_bytes(shell).rpartition(MARK)
    heads = ["<?xml version='1.0' encoding='UTF-8'?>", *([info.doctype] if info.doctype else [])]
    before = reversed(_outside(root, path, preceding=True))
    return b"\n".join([*(head.encode() for head in heads), *before, start]), end


def _outside(root: Element, path: str | Path, *, preceding: bool) -> list[bytes]:
    """Return the comments and instructions before the root, the nearest first, or after it."""
    nodes = list(root.itersiblings(preceding=preceding))
    if len(nodes) > OUTSIDE:
        raise InputError(f"has more than {OUTSIDE:,} comments outside its root: remove them", path=path)
    return [to_bytes(node) for node in nodes]


def _require_bioc(root: Element, path: str | Path) -> None:
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and (any(declared.iterentities()) or any(declared.iterelements())):
        raise InputError("its DOCTYPE declares entities or elements: remove its [...] part", path=path)
    if root.tag != "collection":
        raise InputError(f"is not BioC: its root is <{str(root.tag)[:40]}>, not <collection>", path=path)

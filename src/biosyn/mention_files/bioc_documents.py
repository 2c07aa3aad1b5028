"""The parts of a BioC document, read from XML or JSON."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.units import cut_span, is_same


class BiocAnnotation(NamedTuple):
    """An annotated mention.

    ``locations`` are (offset, length) in characters of the document, -1 for anything that is not a number; ``text`` is
    None if it is missing. ``source`` is the XML element or JSON object that the annotation was read from. ``unread``
    has the JSON of infons that hold no text: a truth value, an object without ``identifier``.
    """

    id: str
    text: str | None
    infons: dict[str, str]
    locations: tuple[tuple[int, int], ...]
    source: Any = None
    unread: Mapping[str, str] = MappingProxyType({})


class BiocPassage(NamedTuple):
    """A passage, or a sentence of one; ``offset`` is the position in the document where its text begins."""

    offset: int
    text: str | None
    annotations: tuple[BiocAnnotation, ...]
    infons: dict[str, str]


class BiocDocument(NamedTuple):
    """A document; each passage is followed by its sentences."""

    id: str
    passages: tuple[BiocPassage, ...]

    @property
    def text(self) -> str:
        """The texts of all passages in order, an empty line after each, a line end after the last."""
        return "\n\n".join(passage.text for passage in self.passages if passage.text) + "\n"


def annotation_problem(annotation: BiocAnnotation, passage: BiocPassage) -> str:
    """Say what is wrong with an annotation, or return an empty text.

    Its locations must lie inside the passage, and the text at a single location must be the annotation's. In a passage
    without text neither is checked.

    Examples
    --------
    >>> passage = BiocPassage(100, "Skin tumours", (), {})
    >>> annotation_problem(BiocAnnotation("1", "tumours", {}, ((105, 7),)), passage)
    ''
    >>> annotation_problem(BiocAnnotation("1", "tumours", {}, ((106, 7),)), passage)
    'its span 106+7 lies outside the text'
    """
    if annotation.text is None:
        return "it has no text"
    if passage.text is None:
        return ""
    for offset, length in annotation.locations:
        start = offset - passage.offset
        if length < 0 or start < 0 or start + length > len(passage.text):
            return f"its span {offset}+{length} lies outside the text"
    if len(annotation.locations) == 1:
        found = passage.text[start : cut_span(annotation.text, start, start + length)]
        if not is_same(annotation.text, found):
            return f"its span {offset}+{length} holds {found[:60]!r}, not {annotation.text[:60]!r}"
    return ""


def whole_number(text: str) -> int:
    """Return the number that the text is, -1 if it is none or longer than 15 digits.

    Examples
    --------
    >>> whole_number("105"), whole_number("x"), whole_number("-1")
    (105, -1, -1)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else -1


def broken(path: str | Path, document: str, what: str) -> InputError:
    """Return the error for a document that is not BioC."""
    return InputError(f"document '{document[:60]}': {what}", path=path)

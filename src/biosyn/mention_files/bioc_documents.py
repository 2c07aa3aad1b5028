"""The parts of a BioC document, from whichever kind of file."""

from pathlib import Path
from typing import Any, NamedTuple

from biosyn.errors import InputError


class BiocAnnotation(NamedTuple):
    """An annotated mention.

    ``locations`` are (offset, length) in characters of the document, (-1, -1) where one is no pair of numbers;
    ``text`` is None where it is missing. ``source`` is the XML element or JSON node that it was read from.
    """

    id: str
    text: str | None
    infons: dict[str, str]
    locations: tuple[tuple[int, int], ...]
    source: Any = None


class BiocPassage(NamedTuple):
    """A passage, or a sentence of one, that holds text: where it begins in the document, its text and annotations."""

    offset: int
    text: str | None
    annotations: tuple[BiocAnnotation, ...]
    infons: dict[str, str]


class BiocDocument(NamedTuple):
    """A document; the sentences of its passages stand among the passages, in their order."""

    id: str
    passages: tuple[BiocPassage, ...]

    @property
    def text(self) -> str:
        """The text that is there, in order: a passage is followed by an empty line, the last by a line end."""
        return "\n\n".join(passage.text for passage in self.passages if passage.text) + "\n"


def annotation_problem(annotation: BiocAnnotation, passage: BiocPassage) -> str:
    """Say what is wrong with an annotation, or return an empty text.

    Its places must lie inside the passage, and where it has one place that is text, the texts must agree; a passage
    without text cannot tell.

    Examples
    --------
    >>> passage = BiocPassage(100, "Skin tumours", (), {})
    >>> annotation_problem(BiocAnnotation("1", "tumours", {}, ((105, 7),)), passage)
    ''
    >>> annotation_problem(BiocAnnotation("1", "tumours", {}, ((106, 7),)), passage)
    'its place 106+7 lies outside the text'
    """
    if annotation.text is None:
        return "it has no text"
    if passage.text is None:
        return ""
    for offset, length in annotation.locations:
        start = offset - passage.offset
        if length < 0 or start < 0 or start + length > len(passage.text):
            return f"its place {offset}+{length} lies outside the text"
    if len(annotation.locations) == 1:
        found = passage.text[start : start + length]
        if found.split() != annotation.text.split():  # real files differ in blanks
            return f"its place {offset}+{length} holds {found[:60]!r}, not {annotation.text[:60]!r}"
    return ""


def broken(path: str | Path, document: str, what: str) -> InputError:
    """Return the error for a document that is no BioC."""
    return InputError(f"document '{document[:60]}': {what}", path=path)

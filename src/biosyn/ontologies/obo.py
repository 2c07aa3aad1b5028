r"""OBO files (HPO, MONDO, DOID, ...), read line by line, as they are in the wild.

Source of the syntax: the "OBO Flat File Format 1.4 Syntax and Semantics", with the tags of 1.0 and 1.2. A file is a
header and frames. A frame is a line ``[Term]`` and clauses ``tag: value {modifiers} ! comment``; in a value, a
backslash makes the next character an ordinary one, except ``\n``, ``\t`` and ``\W``, and at the end of a line it
continues the line.

What the format allows is read, and so is what many files contain although it is not allowed: blank lines and comments
anywhere, ids of terms that are not there, synonym types that are not declared. A line that cannot be read is malformed.
It costs its own clause, or its frame if the id or the name is hurt, and never another frame.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import Concept
from biosyn.errors import InputError
from biosyn.ontologies.source import Source
from biosyn.ontologies.terms import SCOPES, Term

_FRAME = re.compile(r"\[\s*([\w -]+?)\s*\]\s*(?:!.*)?")
_CLAUSE = re.compile(r"([\w-]+)\s*:\s*(.*)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*([^\s\[{!]*)')
_TAIL = re.compile(r"(?:^|\s)(?:!(?:\s|$)|\{\s*[\w:.-]+\s*=).*")  # of a text: what follows its last blank
_TAIL_OF_ID = re.compile(r'(?<!\\)[!{].*|\s".*')
_ESCAPED = re.compile(r"\\(.)")
_MEANING = {"n": "\n", "t": "\t", "W": " "}

_ID_LISTS = {
    "alt_id": "alternative_ids",
    "is_a": "parents",
    "xref": "xrefs",
    "xref_analog": "xrefs",  # OBO 1.0
    "xref_unknown": "xrefs",
    "xref_unk": "xrefs",
    "replaced_by": "replaced_by",
    "consider": "consider",
    "use_term": "consider",  # OBO 1.0
}
_SCOPED_TAGS = {f"{scope}_synonym": scope for scope in SCOPES}  # OBO 1.0
# Not needed here. A tag that is in none of these tables may be a misspelt one, and is counted.
_OTHERS = frozenset(
    (
        *("namespace", "def", "comment", "subset", "property_value", "is_anonymous", "builtin", "relationship"),
        *("created_by", "creation_date", "intersection_of", "union_of", "equivalent_to", "disjoint_from"),
    )
)


class _Clause(NamedTuple):
    line: int
    tag: str
    value: str


class _Frame(NamedTuple):
    """A frame; the kind of the header is empty."""

    line: int
    kind: str
    clauses: list[_Clause]


def obo_concepts(source: Source, *, scopes: Sequence[str] = SCOPES) -> Iterator[Concept]:
    """Yield the terms in order of their ids; frames of the same id are one term.

    Ids keep their prefix (``HP:0000001``) and are followed by former ids (``alt_id``). The synonyms of a term are
    sorted by scope and text. Only the terms are held in memory, not the text of the file.

    Parameters
    ----------
    scopes
        Scopes of the synonyms to take; the name is always taken. A synonym without a scope is a related one.
    """
    terms: dict[str, Term] = {}
    release = source.path.name
    for frame in _frames(source):
        if not frame.kind:
            versions = (clause.value.strip() for clause in frame.clauses if clause.tag == "data-version")
            release = next(filter(None, versions), release)
        elif frame.kind == "term":
            _add(frame, terms, source)
        elif frame.kind not in ("typedef", "instance"):
            source.counts.note("frame that is no Term, Typedef or Instance")
    concepts = (term.concept(source, scopes=scopes, release=release) for term in terms.values())
    yield from sorted(filter(None, concepts), key=lambda concept: concept.ids)


def _add(frame: _Frame, terms: dict[str, Term], source: Source) -> None:
    """Add what a frame says to the term of its id."""
    own = next((_id(clause.value) for clause in frame.clauses if clause.tag == "id"), "")
    if not distinct_ids(own):
        source.malformed("frame without an id", "the frame has no line 'id: ...'", line=frame.line)
        return
    if own in terms:
        source.counts.note("id given again: merged")
    term = terms.setdefault(own, Term(own))
    for line, tag, value in frame.clauses:
        if tag == "name":
            term.names.append(_text(value))
        elif tag == "synonym" or tag in _SCOPED_TAGS:
            synonym = _synonym(value, _SCOPED_TAGS.get(tag))
            if synonym is None:
                message = f"expected '{tag}: \"text\" SCOPE ...', found {value[:60]!r}"
                source.malformed("synonym", message, line=line)
            else:
                term.synonyms.append(synonym)
        elif tag in _ID_LISTS:
            getattr(term, _ID_LISTS[tag]).extend(filter(None, [_id(value)]))
        elif tag == "is_obsolete":
            term.obsolete |= _id(value).lower() in ("true", "1")
        elif tag != "id" and tag not in _OTHERS:
            source.counts.note("tag that OBO does not define")


def _synonym(value: str, scope: str | None) -> tuple[str, str] | None:
    """Return scope and text; the scope of the tag counts before that of the value, and None is a value without one."""
    found = _QUOTED.match(value)
    if found is None:
        return None
    scope = scope or found[2].lower() or "related"
    return (scope, _unescaped(found[1])) if scope in SCOPES else None


def _text(value: str) -> str:
    r"""Return an unquoted text without its modifiers and comment.

    Examples
    --------
    >>> _text(r'Wilms\: tumor {source="X:1"} ! note'), _text("Yahoo! {1-2}")
    ('Wilms: tumor', 'Yahoo! {1-2}')
    """
    return _unescaped(_TAIL.sub("", value)).strip()


def _id(value: str) -> str:
    """Return an id without its description, modifiers and comment; a blank is a part of it.

    Examples
    --------
    >>> _id('HP:0000001 {source="a ! b"} ! All'), _id('ICD 10:C34 "lung"')
    ('HP:0000001', 'ICD 10:C34')
    """
    return _unescaped(_TAIL_OF_ID.sub("", value)).strip()


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _MEANING.get(found[1], found[1]), text) if "\\" in text else text


def _frames(source: Source) -> Iterator[_Frame]:
    """Yield the header and the frames.

    A second id or name in a frame shows that the head of another frame is missing: what stands after it, and before it
    up to the last gap, belongs to that one. Where there is a gap and an id, it is read as a frame; otherwise it is left
    out. The same id or name again is no such sign, and neither is a name without a gap before it, which is left out
    alone.
    """
    frame = _Frame(1, "", [])
    heads: dict[str, str] = {}  # the id and the name of this frame
    gap: int | None = None  # the number of clauses before the last blank line, or line that cannot be read
    lost = False  # in lines that belong to another frame
    for number, line in _joined(source):
        if header := _FRAME.fullmatch(line):
            yield frame
            frame, heads, gap, lost = _Frame(number, header[1].lower(), []), {}, None, False
            continue
        if line.startswith("!"):
            continue
        found = _CLAUSE.fullmatch(line)
        if found is None:
            gap = len(frame.clauses)
            if line:
                source.malformed("no 'tag: value'", f"expected 'tag: value', found {line[:60]!r}", line=number)
            continue
        clause = _Clause(number, found[1], found[2])
        if frame.kind and clause.tag in ("id", "name") and heads.setdefault(clause.tag, clause.value) != clause.value:
            message = f"the frame has a second {clause.tag}: is the line '[Term]' missing before it?"
            source.malformed(f"second {clause.tag} in a frame", message, line=number)
            others = [] if gap is None else frame.clauses[gap:]
            del frame.clauses[len(frame.clauses) - len(others) :]
            if clause.tag == "id" and gap is not None:
                yield frame
                frame, heads, gap, lost = _Frame(number, "term", others), {"id": clause.value}, None, False
            else:
                lost |= clause.tag == "id" or gap is not None
                continue
        if not lost:
            frame.clauses.append(clause)
    yield frame


def _joined(source: Source) -> Iterator[tuple[int, str]]:
    """Yield numbered lines without blanks around them; a line that ends in a backslash continues on the next one."""
    parts: list[str] = []
    first = 0
    begun = False
    for number, line in source.lines(latin_1=True):
        if not begun and line.strip():
            _require_obo(line.lstrip(), source)
            begun = True
        if parts and _FRAME.fullmatch(line.strip()):
            yield first, "".join(parts).strip()
            parts = []
        first = first if parts else number
        if (len(line) - len(line.rstrip("\\"))) % 2:  # an even number is as many escaped backslashes
            parts.append(line[:-1])
        else:
            yield first, "".join((*parts, line)).strip()
            parts = []
    if parts:
        yield first, "".join(parts).strip()


def _require_obo(line: str, source: Source) -> None:
    """Refuse a file by its first line, where none of its lines can be OBO."""
    if line.startswith(("ÿþ", "þÿ")):  # its byte order mark, as Latin-1
        raise InputError("is UTF-16: save the file as UTF-8", path=source.path)
    if line.startswith(("{", "<")):
        message = "is JSON or XML, not OBO: read JSON with --from obograph, OWL with --from owl"
        raise InputError(message, path=source.path)

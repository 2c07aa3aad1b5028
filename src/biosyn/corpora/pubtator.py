"""A corpus in PubTator form: title, abstract, tab-separated mentions, empty line.

This reader is strict: it is for corpora, whose every mention counts. Files to link are read by
`biosyn.mention_files.pubtator`, which keeps what it does not understand.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from biosyn.concept_ids import NO_CONCEPT, map_ids, split_ids
from biosyn.data.bad_entries import BadEntryError, ReadCounts
from biosyn.data.documents import Document, file_order, id_problem, query_problem
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.mention_files.units import is_of_types
from biosyn.records import Query

_Line = tuple[int, str]
_HEAD = re.compile(r"([^|\t]*)\|([ta])\|(.*)")
_OFFSET = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class PubTatorForm:
    """What the files of a corpus contain besides lines of six fields; by default nothing.

    Attributes
    ----------
    parts
        A seventh field may hold the parts of a mention, joined by ``|``; they replace the mention where there are as
        many parts as ids.
    relations
        Lines of four or five fields without offsets say how two concepts are related; they are skipped.
    types
        Keep only the mentions of these types, in lower case (one of a type ``T1,T2`` is enough); an empty set keeps
        all.
    id_prefix
        A prefix to remove from every id, such as ``UMLS:``.
    loose_ids
        The id may be missing or ``-``, which both mean no concept; ids may also be joined by ``,`` or ``;``.
    """

    parts: bool = False
    relations: bool = False
    types: frozenset[str] = frozenset()
    id_prefix: str = ""
    loose_ids: bool = False


_SIX_FIELDS = PubTatorForm()


def read_splits(
    files: Mapping[str, str | Path], *, form: PubTatorForm = _SIX_FIELDS, counts: ReadCounts | None = None
) -> dict[str, list[Document]]:
    """Read one file for each split, as `read_pubtator` does."""
    return {split: read_pubtator(path, form=form, counts=counts) for split, path in files.items()}


def read_pubtator(
    path: str | Path, *, form: PubTatorForm = _SIX_FIELDS, counts: ReadCounts | None = None
) -> list[Document]:
    """Read the documents in the order of the file names they will have (``10021369`` before ``8589722``).

    A document whose id was seen before is skipped, with its mentions. A document's text is title, empty line,
    abstract, newline: exactly what an abbreviation finder reads. The offsets, which count title and abstract as joined
    by one character, are kept even if the mention is not found there; ``counts`` notes these mentions.

    A line must be ``pmid|t|title``, ``pmid|a|abstract`` or six tab-separated fields (or what else ``form`` allows).
    With ``counts`` that skip bad entries, a bad mention is left out, and a document with a bad title or abstract
    is left out as a whole.
    """
    counts = counts or ReadCounts()
    documents: dict[str, Document] = {}
    for block in _blocks(read_lines(path)):
        with counts.entry():
            document = _document(block, path, form=form, counts=counts)
            if document.pmid in documents:
                counts.note("repeated documents, passed over")
            documents.setdefault(document.pmid, document)
    if not documents:
        raise InputError("holds no document: expected 'pmid|t|title', 'pmid|a|abstract' and mentions", path=path)
    return file_order(documents.values())


def _blocks(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    """Yield the lines of each document; an empty line or the next title ends it."""
    block: list[_Line] = []
    for number, line in lines:
        head = _HEAD.fullmatch(line)
        if block and (not line.strip() or (head and head[2] == "t")):
            yield block
            block = []
        if line.strip():
            block.append((number, line))
    if block:
        yield block


def _document(block: list[_Line], path: str | Path, *, form: PubTatorForm, counts: ReadCounts) -> Document:
    pmid, title = _head(block[0], "t", path)
    if len(block) == 1:
        message = f"document '{pmid}' has no '{pmid}|a|abstract' after its title"
        raise BadEntryError("documents with no abstract", message, path=path, line=block[0][0])
    abstract_pmid, abstract = _head(block[1], "a", path)
    if abstract_pmid != pmid:
        message = f"expected the abstract of '{pmid}', found that of '{abstract_pmid}'"
        raise BadEntryError("documents with no abstract", message, path=path, line=block[1][0])
    document = Document(pmid, f"{title}\n\n{abstract}\n", ())
    return document._replace(queries=tuple(_queries(block[2:], document, path, form=form, counts=counts)))


def _head(numbered: _Line, kind: str, path: str | Path) -> tuple[str, str]:
    """Return the id and the text of a title (``t``) or abstract (``a``)."""
    number, line = numbered
    match = _HEAD.fullmatch(line)
    if match is None or match[2] != kind:
        what = "title" if kind == "t" else "abstract"
        reason = "lines outside a document" if kind == "t" else "documents with no abstract"
        raise BadEntryError(reason, f"expected 'pmid|{kind}|{what}', found {_shown(line)}", path=path, line=number)
    problem = id_problem(match[1])
    if problem:
        raise BadEntryError("document ids that are no file name", problem, path=path, line=number)
    return match[1], match[3]


def _queries(
    lines: Iterable[_Line], document: Document, path: str | Path, *, form: PubTatorForm, counts: ReadCounts
) -> list[Query]:
    queries = []
    text = document.text.replace("\n\n", " ", 1)  # the text in which the offsets count
    for number, line in lines:
        if form.relations and is_relation(line):
            counts.note("relation lines, passed over")
            continue
        with counts.entry():
            fields = _fields(line, document.pmid, form=form, path=path, number=number)
            query = _query(fields, form=form, path=path, number=number)
            if not is_of_types(query.type, form.types):
                counts.note("mentions of other types, passed over")
                continue
            if text[int(query.start) : int(query.end)] != fields[3]:
                counts.note("mentions that their offsets do not give")
            queries.append(query)
    return queries


def is_relation(line: str) -> bool:
    r"""Return whether a line relates two concepts, instead of giving a mention's offsets.

    Examples
    --------
    >>> is_relation("20\tCID\tD1\tD2"), is_relation("20\t0\t4\tSkin\tModifier\tD1")
    (True, False)
    """
    fields = line.split("\t")
    return len(fields) in (4, 5) and not _OFFSET.fullmatch(fields[1])


def _fields(line: str, pmid: str, *, form: PubTatorForm, path: str | Path, number: int) -> list[str]:
    """Return the seven fields of a mention's line; missing ones are empty."""
    fields = line.split("\t")
    least, most = 5 if form.loose_ids else 6, 7 if form.parts else 6
    if not least <= len(fields) <= most:
        message = f"expected six tab-separated fields (pmid, start, end, mention, type, id), found {_shown(line)}"
        raise BadEntryError("lines without the fields of a mention", message, path=path, line=number)
    found, start, end = fields[:3]
    if found != pmid:
        message = f"expected a mention of document '{pmid}', found one of '{found[:40]}'"
        raise BadEntryError("mentions of another document", message, path=path, line=number)
    if not (_OFFSET.fullmatch(start) and _OFFSET.fullmatch(end)):
        message = f"start and end must be numbers, found '{start[:40]}' and '{end[:40]}'"
        raise BadEntryError("mentions without offsets", message, path=path, line=number)
    return [*fields, *[""] * (7 - len(fields))]


def _query(fields: list[str], *, form: PubTatorForm, path: str | Path, number: int) -> Query:
    """Return the mention of seven fields."""
    pmid, start, end, mention, kind, field, parts = fields
    cui = clean_ids(field, form)
    query = Query(_with_parts(mention, parts, cui), cui, pmid=pmid, start=start, end=end, type=kind)
    problem = query_problem(query)
    if problem:
        raise BadEntryError("mentions with an empty field or a separator in one", problem, path=path, line=number)
    return query


def clean_ids(field: str, form: PubTatorForm) -> str:
    """Return the ids of a field without prefix, joined as they were; in loose form joined by ``|``.

    Blanks around an id go, those inside it become one each.

    Examples
    --------
    >>> clean_ids(" UMLS:C1 | UMLS:C2", PubTatorForm(id_prefix="UMLS:"))
    'C1|C2'
    >>> clean_ids("7157; ICD 10", PubTatorForm(loose_ids=True)), clean_ids("-", PubTatorForm(loose_ids=True))
    ('7157|ICD 10', '-1')
    """
    if form.loose_ids:
        field = "|".join(part for part in re.split("[,;|]", field) if part.strip() not in ("", "-")) or NO_CONCEPT
    prefix = re.compile(re.escape(form.id_prefix), re.IGNORECASE)
    return map_ids(lambda cui: prefix.sub("", cui, count=1) if prefix.match(cui) else cui, field)


def _with_parts(mention: str, parts: str, cui: str) -> str:
    """Return the parts if there are as many as ids, otherwise the mention.

    Examples
    --------
    >>> _with_parts("oral and lung cancer", "oral cancer|lung cancer", "D1|D2")
    'oral cancer|lung cancer'
    >>> _with_parts("oral and lung cancer", "oral cancer|lung cancer", "D1")
    'oral and lung cancer'
    """
    listed = parts.split("|")
    return parts if all(part.strip() for part in listed) and len(listed) == len(split_ids(cui)) else mention


def _shown(line: str) -> str:
    """Return a line for a message: quoted, at most sixty characters."""
    return repr(line if len(line) <= 60 else line[:57] + "...")

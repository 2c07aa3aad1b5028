"""Reading a corpus in PubTator form: title, abstract, tab-separated mentions, empty line."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from biosyn.data.bad_entries import BadEntryError, ReadingReport
from biosyn.data.documents import Document, file_order, id_problem
from biosyn.data.pubtator_mentions import PubTatorForm, is_of_types, is_relation, make_query, shown, split_line
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.records import Query

_Line = tuple[int, str]
_HEAD = re.compile(r"([^|\t]*)\|([ta])\|(.*)")
_SIX_FIELDS = PubTatorForm()


def read_splits(
    files: Mapping[str, str | Path], *, form: PubTatorForm = _SIX_FIELDS, report: ReadingReport | None = None
) -> dict[str, list[Document]]:
    """Read a file for each split, as `read_pubtator` does."""
    return {split: read_pubtator(path, form=form, report=report) for split, path in files.items()}


def read_pubtator(
    path: str | Path, *, form: PubTatorForm = _SIX_FIELDS, report: ReadingReport | None = None
) -> list[Document]:
    """Read the documents in the order of the file names they will have (``10021369`` before ``8589722``).

    A document whose id was seen before is skipped whole, mentions and all. Its text is title, empty line, abstract,
    newline: exactly what an abbreviation finder is to read. Offsets stay as they stand, also where they do not give
    the mention, which ``report`` counts; they take title and abstract as joined by one character.

    Raises
    ------
    InputError
        If a line is none of ``pmid|t|title``, ``pmid|a|abstract`` and six tab-separated fields (or what else ``form``
        allows), or stands where it may not; the line is named. A ``report`` that skips leaves out bad mentions, and
        whole a document whose title or abstract is bad.
    """
    report = report or ReadingReport()
    documents: dict[str, Document] = {}
    for block in _blocks(read_lines(path)):
        with report.entry():
            document = _document(block, path, form=form, report=report)
            if document.pmid in documents:
                report.note("repeated documents, passed over")
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


def _document(block: list[_Line], path: str | Path, *, form: PubTatorForm, report: ReadingReport) -> Document:
    pmid, title = _head(block[0], "t", path)
    if len(block) == 1:
        message = f"document '{pmid}' has no '{pmid}|a|abstract' after its title"
        raise BadEntryError("documents with no abstract", message, path=path, line=block[0][0])
    abstract_pmid, abstract = _head(block[1], "a", path)
    if abstract_pmid != pmid:
        message = f"expected the abstract of '{pmid}', found that of '{abstract_pmid}'"
        raise BadEntryError("documents with no abstract", message, path=path, line=block[1][0])
    document = Document(pmid, f"{title}\n\n{abstract}\n", ())
    return document._replace(queries=tuple(_queries(block[2:], document, path, form=form, report=report)))


def _head(numbered: _Line, kind: str, path: str | Path) -> tuple[str, str]:
    """Return the id and the text of a title (``t``) or abstract (``a``)."""
    number, line = numbered
    match = _HEAD.fullmatch(line)
    if match is None or match[2] != kind:
        what = "title" if kind == "t" else "abstract"
        reason = "lines outside a document" if kind == "t" else "documents with no abstract"
        raise BadEntryError(reason, f"expected 'pmid|{kind}|{what}', found {shown(line)}", path=path, line=number)
    problem = id_problem(match[1])
    if problem:
        raise BadEntryError("document ids that are no file name", problem, path=path, line=number)
    return match[1], match[3]


def _queries(
    lines: Iterable[_Line], document: Document, path: str | Path, *, form: PubTatorForm, report: ReadingReport
) -> list[Query]:
    queries = []
    text = document.text.replace("\n\n", " ", 1)  # what the offsets are counted in
    for number, line in lines:
        if form.relations and is_relation(line):
            report.note("relation lines, passed over")
            continue
        with report.entry():
            fields = split_line(line, document.pmid, form=form, path=path, number=number)
            query = make_query(fields, form=form, path=path, number=number)
            if not is_of_types(query.type, form.types):
                report.note("mentions of other types, passed over")
                continue
            if text[int(query.start) : int(query.end)] != fields[3]:
                report.note("mentions that their offsets do not give")
            queries.append(query)
    return queries

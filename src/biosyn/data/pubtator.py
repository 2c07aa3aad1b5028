"""Reading a corpus in PubTator form: title, abstract, tab-separated mentions, empty line."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from biosyn.data.concept_files import Document
from biosyn.errors import InputError
from biosyn.files import read_lines
from biosyn.records import Query

_Line = tuple[int, str]
_HEAD = re.compile(r"([^|\t]*)\|([ta])\|(.*)")
# The id becomes a file name, so it may not lead out of the folder.
_PMID = re.compile(r"[A-Za-z0-9][\w.-]*")


def read_pubtator(path: str | Path) -> list[Document]:
    """Read the documents in the order of the file names they will have (``10021369`` before ``8589722``).

    A document whose id was seen before is skipped whole, mentions and all. Its text is title, empty line, abstract,
    newline: exactly what an abbreviation finder is to read.

    Raises
    ------
    InputError
        If a line is none of ``pmid|t|title``, ``pmid|a|abstract`` and six tab-separated fields, or stands where it
        may not; the line is named.
    """
    documents: dict[str, Document] = {}
    for block in _blocks(read_lines(path)):
        document = _document(block, path)
        documents.setdefault(document.pmid, document)
    if not documents:
        raise InputError("holds no document: expected 'pmid|t|title', 'pmid|a|abstract' and mentions", path=path)
    return sorted(documents.values(), key=lambda document: f"{document.pmid}.concept")


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


def _document(block: list[_Line], path: str | Path) -> Document:
    pmid, title = _head(block[0], "t", path)
    if len(block) == 1:
        raise InputError(f"document '{pmid}' has no '{pmid}|a|abstract' after its title", path=path, line=block[0][0])
    abstract_pmid, abstract = _head(block[1], "a", path)
    if abstract_pmid != pmid:
        raise InputError(
            f"expected the abstract of '{pmid}', found that of '{abstract_pmid}'", path=path, line=block[1][0]
        )
    queries = tuple(_query(line, pmid, path) for line in block[2:])
    return Document(pmid, f"{title}\n\n{abstract}\n", queries)


def _head(numbered: _Line, kind: str, path: str | Path) -> tuple[str, str]:
    """Return the id and the text of a title (``t``) or abstract (``a``)."""
    number, line = numbered
    match = _HEAD.fullmatch(line)
    if match is None or match[2] != kind:
        what = "title" if kind == "t" else "abstract"
        raise InputError(f"expected 'pmid|{kind}|{what}', found {_shown(line)}", path=path, line=number)
    if not _PMID.fullmatch(match[1]):
        raise InputError(
            f"document id '{match[1][:40]}' is no file name: use letters, digits, '.', '-', '_'", path=path, line=number
        )
    return match[1], match[3]


def _query(numbered: _Line, pmid: str, path: str | Path) -> Query:
    number, line = numbered
    fields = line.split("\t")
    if len(fields) != 6:
        raise InputError(
            f"expected six tab-separated fields (pmid, start, end, mention, type, id), found {_shown(line)}",
            path=path,
            line=number,
        )
    problem = _problem(fields, pmid)
    if problem:
        raise InputError(problem, path=path, line=number)
    _, start, end, mention, kind, cui = fields
    return Query(mention, "".join(cui.split()), pmid=pmid, start=start, end=end, type=kind)


def _problem(fields: list[str], pmid: str) -> str:
    """Say what is wrong with a mention's fields, or return an empty text."""
    found, start, end, mention, kind, cui = fields
    if found != pmid:
        return f"expected a mention of document '{pmid}', found one of '{found[:40]}'"
    if not (start.isdecimal() and end.isdecimal()):
        return f"start and end must be numbers, found '{start[:40]}' and '{end[:40]}'"
    if not mention.strip() or not cui.strip():
        return "the mention or its id is empty: write -1 where a mention has no concept"
    if "|" in kind or "||" in mention or "||" in cui:
        return "the type holds '|', or the mention or id '||', which separates fields in .concept files: take it out"
    return ""


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")

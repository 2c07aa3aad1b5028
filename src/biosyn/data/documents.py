"""Documents, written as files: ``<pmid>.concept`` has one mention per line, ``<pmid>.txt`` the text."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.records import Query

_DOCUMENT_ID = re.compile(r"[A-Za-z0-9][\w.-]*")


class Document(NamedTuple):
    """A document with the text of its ``.txt`` file, and its mentions in the order of the corpus."""

    pmid: str
    text: str
    queries: tuple[Query, ...]


def concept_line(query: Query) -> str:
    """Return the query's line in a ``.concept`` file; one bar between start and end, as in the published corpora.

    Examples
    --------
    >>> concept_line(Query("skin tumour", "D012878", pmid="10192393", start="15", end="26", type="DiseaseClass"))
    '10192393||15|26||DiseaseClass||skin tumour||D012878'
    """
    return "||".join((query.pmid, f"{query.start}|{query.end}", query.type, query.mention, query.cui))


def file_order(documents: Iterable[Document]) -> list[Document]:
    """Return the documents in the order of the file names they will have: ``10021369`` before ``8589722``."""
    return sorted(documents, key=lambda document: f"{document.pmid}.concept")


def id_problem(pmid: str) -> str:
    """Return why a document's id cannot be a file name, or an empty text; it must not point outside the folder.

    Examples
    --------
    >>> id_problem("10192393"), id_problem("../x")
    ('', "document id '../x' is not a valid file name: use letters, digits, '.', '-', '_'")
    """
    if _DOCUMENT_ID.fullmatch(pmid):
        return ""
    return f"document id '{pmid[:40]}' is not a valid file name: use letters, digits, '.', '-', '_'"


def query_problem(query: Query) -> str:
    """Return what would break a query's line in a ``.concept`` file, or an empty text.

    Examples
    --------
    >>> query_problem(Query("skin tumour", "D012878")), query_problem(Query("skin", "  "))
    ('', 'the mention or its id is empty: write -1 where a mention has no concept')
    """
    if not query.mention.strip() or not query.cui.strip():
        return "the mention or its id is empty: write -1 where a mention has no concept"
    if "|" in query.type or "||" in query.mention or "||" in query.cui:
        return "the type holds '|', or the mention or id '||', which separates fields in .concept files: take it out"
    return ""


def write_documents(folder: Path, documents: Iterable[Document]) -> None:
    """Write both files of every document into a folder, which is created if needed.

    The writes are not atomic: write into a staged folder and move it when it is complete.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for document in documents:
            lines = "".join(f"{concept_line(query)}\n" for query in document.queries)
            for suffix, content in ((".concept", lines), (".txt", document.text)):
                with (folder / f"{document.pmid}{suffix}").open("w", encoding="utf-8", newline="\n") as file:
                    file.write(content)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path=folder) from error

"""The lines of a PubTator file that hold mentions, and what a corpus may put there beside the six fields."""

import re
from dataclasses import dataclass
from pathlib import Path

from biosyn.concept_ids import NO_CONCEPT, split_ids
from biosyn.data.bad_entries import BadEntryError
from biosyn.data.documents import query_problem
from biosyn.records import Query

_OFFSET = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class PubTatorForm:
    """What the files of a corpus hold beside lines of six fields; by default nothing.

    Attributes
    ----------
    parts
        A seventh field may hold a mention's parts, joined by ``|``; it replaces the mention where there are as many
        parts as ids.
    relations
        Lines of four or five fields without offsets say how two concepts are related; they are passed over.
    types
        Keep the mentions of these types, in lower case (of a type ``T1,T2`` one is enough); none keeps all.
    id_prefix
        Is taken off every id: ``UMLS:``.
    loose_ids
        The id may be absent or ``-``, which means none; ids may be joined by ``,`` or ``;`` too.
    """

    parts: bool = False
    relations: bool = False
    types: frozenset[str] = frozenset()
    id_prefix: str = ""
    loose_ids: bool = False


def is_relation(line: str) -> bool:
    r"""Say whether a line tells how two concepts are related, and not where a mention is.

    Examples
    --------
    >>> is_relation("20\tCID\tD1\tD2"), is_relation("20\t0\t4\tSkin\tModifier\tD1")
    (True, False)
    """
    fields = line.split("\t")
    return len(fields) in (4, 5) and not _OFFSET.fullmatch(fields[1])


def is_of_types(kind: str, types: frozenset[str]) -> bool:
    """Say whether a mention's type is wanted.

    Examples
    --------
    >>> is_of_types("Disease", frozenset({"disease"})), is_of_types("T038,T047", frozenset({"t047"}))
    (True, True)
    """
    return not types or not types.isdisjoint(part.strip().lower() for part in kind.split(","))


def split_line(line: str, pmid: str, *, form: PubTatorForm, path: str | Path, number: int) -> list[str]:
    """Return the seven fields of a mention's line; those that are absent are empty.

    Raises
    ------
    BadEntryError
        If there are too few or too many, the document is another, or the offsets are no numbers.
    """
    fields = line.split("\t")
    least, most = 5 if form.loose_ids else 6, 7 if form.parts else 6
    if not least <= len(fields) <= most:
        message = f"expected six tab-separated fields (pmid, start, end, mention, type, id), found {shown(line)}"
        raise BadEntryError("lines without the fields of a mention", message, path=path, line=number)
    found, start, end = fields[:3]
    if found != pmid:
        message = f"expected a mention of document '{pmid}', found one of '{found[:40]}'"
        raise BadEntryError("mentions of another document", message, path=path, line=number)
    if not (_OFFSET.fullmatch(start) and _OFFSET.fullmatch(end)):
        message = f"start and end must be numbers, found '{start[:40]}' and '{end[:40]}'"
        raise BadEntryError("mentions without offsets", message, path=path, line=number)
    return [*fields, *[""] * (7 - len(fields))]


def make_query(fields: list[str], *, form: PubTatorForm, path: str | Path, number: int) -> Query:
    """Return the mention that seven fields hold.

    Raises
    ------
    BadEntryError
        If the mention or its id is empty, or a field holds a separator of ``.concept`` files.
    """
    pmid, start, end, mention, kind, field, parts = fields
    cui = clean_ids(field, form)
    query = Query(_with_parts(mention, parts, cui), cui, pmid=pmid, start=start, end=end, type=kind)
    problem = query_problem(query)
    if problem:
        raise BadEntryError("mentions with an empty field or a separator in one", problem, path=path, line=number)
    return query


def clean_ids(field: str, form: PubTatorForm) -> str:
    """Return the ids of a field without blanks and prefix, joined as they were; in loose form by ``|``.

    Examples
    --------
    >>> clean_ids(" UMLS:C1 | UMLS:C2", PubTatorForm(id_prefix="UMLS:"))
    'C1|C2'
    >>> clean_ids("7157;672", PubTatorForm(loose_ids=True)), clean_ids("-", PubTatorForm(loose_ids=True))
    ('7157|672', '-1')
    """
    field = "".join(field.split())
    if form.loose_ids:
        field = "|".join(part for part in re.split("[,;|]", field) if part not in ("", "-")) or NO_CONCEPT
    if form.id_prefix:
        field = re.sub(rf"(?<![^|+]){re.escape(form.id_prefix)}", "", field)
    return field


def shown(line: str) -> str:
    """Return a line as it may stand in a message: quoted, sixty characters at most."""
    return repr(line if len(line) <= 60 else line[:57] + "...")


def _with_parts(mention: str, parts: str, cui: str) -> str:
    """Return the parts where there are as many as ids, else the mention.

    Examples
    --------
    >>> _with_parts("oral and lung cancer", "oral cancer|lung cancer", "D1|D2")
    'oral cancer|lung cancer'
    >>> _with_parts("oral and lung cancer", "oral cancer|lung cancer", "D1")
    'oral and lung cancer'
    """
    listed = parts.split("|")
    return parts if all(part.strip() for part in listed) and len(listed) == len(split_ids(cui)) else mention

"""What a file is, by its first part: one of the formats that we read, or one that we do not read, with its name."""

import csv
import io
import re
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.mention_files.bioc_json import DOCUMENTS
from biosyn.mention_files.brat import MENTION as BRAT_MENTION
from biosyn.mention_files.json_places import NoJsonError, parse_json
from biosyn.mention_files.json_text import JsonText
from biosyn.mention_files.pubtator import TITLE
from biosyn.mention_files.tables import named_delimiter

HEAD = 1 << 20  # bytes that are looked at
_LINES = 50  # of a text
_MAGIC = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive, or a file of Excel or Word",
    b"\xd0\xcf\x11\xe0": "a file of Excel or Word",
    b"\x1f\x8b": "a gzip file: unpack it, or give it a name that ends in .gz",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"{\\rtf": "a rich text file",
}
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")
_ROOT = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>)*<([A-Za-z_][\w.:-]*)", re.DOTALL)
_XML_NAMES = {"html": "an HTML page", "collection": "", "PubmedArticleSet": "PubMed's XML", "article": "JATS XML"}
_TEXTS = (
    (re.compile(r"[^|]*\|\|-?\d+\|\|?-?\d+\|\|.*\|\|.*"), "a .concept file of queries, which eval.py reads"),
    (re.compile(r"[^|\s]+(?:\|[^|\s]+)*\|\|[^|\s].*"), "a dictionary of 'cui||name' lines"),
    (re.compile(r"format-version: .*|\[Term\]"), "an OBO file"),
    (re.compile(r"PMID- *\d+|TY {1,2}- [A-Z]+\s*"), "a list of references (MEDLINE, RIS)"),
    (re.compile(r"@prefix .*"), "a Turtle file"),
    (re.compile(r"(?:HTTP/[\d.]+ |Error:? )?[45]\d\d:? [A-Z][a-z]+(?: [A-Za-z]+)*\W*"), "a web server's error message"),
)


class Content(NamedTuple):
    """What a file holds.

    ``file_format`` is one of ours, empty if it is none of those that the content shows. ``other`` names what it is
    instead, if that is no text of lines. ``table`` says how to read lines that look like a table, of which the content
    does not show where the mentions are.
    """

    file_format: str = ""
    other: str = ""
    table: str = ""


def content_of(head: bytes, *, column: str, field: str) -> Content:
    r"""Return what a file is, by its first bytes.

    Parameters
    ----------
    head
        The first `HEAD` bytes, or the whole file.
    column, field
        What holds the mention in a table and in a JSON object.

    Examples
    --------
    >>> asked = {"column": "mention", "field": "mention"}
    >>> content_of(b"# made by us\n17|t|Ataxia\n", **asked), content_of(b"<collection>", **asked)
    (Content(file_format='pubtator', other='', table=''), Content(file_format='bioc-xml', other='', table=''))
    >>> content_of(b"<!DOCTYPE html><html>", **asked).other, content_of(b"ataxia\n", **asked)
    ('an HTML page', Content(file_format='', other='', table=''))
    """
    if name := next((name for start, name in _MAGIC.items() if head.startswith(start)), ""):
        return Content(other=name)
    text = _decoded(head)
    if len(_UNREADABLE.findall(text)) > len(text) / 5:
        return Content(other="no text in UTF-8, but a binary file or another encoding")
    text = text.removeprefix("\ufeff").lstrip()
    if text.startswith("<"):
        return _xml(text)
    if text.startswith(("{", "[")) and (found := _json(text, field)):
        return found
    return _of_lines(text.splitlines()[:_LINES], column)


def _decoded(head: bytes) -> str:
    utf_16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return head.decode("utf-16" if utf_16 else "utf-8", "replace")


def _xml(text: str) -> Content:
    if re.match(r"<!doctype html", text, re.IGNORECASE):
        return Content(other="an HTML page")
    found = _ROOT.match(text)
    if found is None:
        return Content(other="XML" if text.startswith(("<?xml", "<!DOCTYPE", "<!--")) else "")
    if found[1] == "collection":
        return Content("bioc-xml")
    known = _XML_NAMES.get(found[1]) or _XML_NAMES.get(found[1].lower())
    return Content(other=known or f"XML whose root is <{found[1][:40]}>")


def _json(text: str, field: str) -> Content | None:
    """Return what JSON is by the keys of its first object; None if the text is none, such as ``[Term]``."""
    keys = _first_keys(text)
    if keys is None:
        return None
    if keys & {"passages", *DOCUMENTS}:
        return Content("bioc-json")
    if keys & {"denotations", "tracks"} or {"sourceid", "text"} <= keys:  # a long text comes first
        return Content("pubannotation")
    if {"annotations", "text"} <= keys:
        return Content(other="the JSON of BERN2, or of a similar tool: convert it to BioC or PubAnnotation")
    if field in keys and text.startswith("{"):
        return Content("jsonl")
    shown = ", ".join(sorted(keys))[:60]
    return Content(other=f"JSON that is neither BioC nor PubAnnotation (its keys: {shown})" if keys else "other JSON")


def _first_keys(text: str) -> set[str] | None:
    """Return the keys of the first object, as far as the text goes; None if there is no JSON."""
    json = JsonText(io.BytesIO(text.encode()), "", what="JSON")
    keys: set[str] = set()
    try:
        while json.peek() == "[":
            json.take("[")
        if json.peek() != "{":  # a list of something else, or a line such as "[18F]FDG"
            return keys if not text[parse_json(text).end :].strip() else None
        for _ in json.inside("{", "}"):
            keys.add(json.key())
            json.value()
    except (InputError, NoJsonError):
        return keys or None  # the text is cut
    return keys


def _of_lines(lines: list[str], column: str) -> Content:
    filled = [line for line in lines if line.strip()]
    if any(TITLE.fullmatch(line) for line in filled):
        return Content("pubtator")
    notes = [line for line in filled if not line.startswith("#")]
    if notes and BRAT_MENTION.fullmatch(notes[0]):
        return Content("brat")
    for delimiter, file_format in ((",", "csv"), ("\t", "tsv")):
        if filled and _has_column(filled[0], delimiter, column):
            return Content(file_format)
    if filled and named_delimiter(filled[0].encode()):
        return Content("csv")
    if notes:
        other = next((name for form, name in _TEXTS if form.fullmatch(notes[0])), "")
        return Content(other=other, table=_table(notes, column))
    return Content()


def _table(lines: list[str], column: str) -> str:
    """Return how to read lines of cells: another delimiter beside the column's name, or as many tabs in each line."""
    if mark := next((mark for mark in ";|" if _has_column(lines[0], mark, column)), ""):
        return f"give --format csv --delimiter '{mark}'"
    tabs = {line.strip().count("\t") for line in lines}
    if len(tabs) == 1 and tabs != {0}:
        return "give --format tsv and the --column of the mentions, by its name, or by its place if there is no header"
    return ""


def _has_column(line: str, delimiter: str, column: str) -> bool:
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return len(cells) > 1 and column in cells and not column.isdecimal()

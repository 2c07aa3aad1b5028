"""Recognise the format of a file of mentions, and open the file as units."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePath
from typing import NamedTuple

from biosyn.errors import InputError
from biosyn.files import open_binary
from biosyn.mention_files.bioc import bioc_json_units, bioc_xml_units
from biosyn.mention_files.brat import brat_units, text_file
from biosyn.mention_files.jsonl import jsonl_units
from biosyn.mention_files.pubannotation import pubannotation_units
from biosyn.mention_files.pubtator import pubtator_units
from biosyn.mention_files.recognise import HEAD, content_of
from biosyn.mention_files.tables import TableForm, line_units, named_delimiter, table_units
from biosyn.mention_files.units import Unit

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".pubtator": "pubtator",
    ".xml": "bioc-xml",
    ".json": "bioc-json",
    ".ann": "brat",
}
# what a file is by its content, where its name says another of these
_CORRECTS = {
    "csv": ("tsv", "pubtator", "brat"),
    "tsv": ("csv", "pubtator", "brat"),
    "jsonl": ("bioc-json", "pubannotation"),
    "pubtator": ("bioc-xml", "bioc-json", "pubannotation", "brat"),
    "bioc-xml": ("bioc-json", "pubannotation", "pubtator", "brat"),
    "bioc-json": ("bioc-xml", "pubannotation", "jsonl", "pubtator", "brat"),
    "brat": ("pubtator", "bioc-xml", "bioc-json", "pubannotation"),
}


def format_of(path: str | Path, *, column: str = "mention", field: str = "mention") -> str:
    """Return a file's format: by its suffix before ``.gz`` unless the content is another one, or by the content alone.

    A file that its content shows to be none that we read is refused: no line of it is taken for a mention.

    Parameters
    ----------
    column, field
        What holds the mention in a table and in a JSON object: the sign of one.
    """
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    named = SUFFIXES.get(suffixes[-1], "") if suffixes else ""
    with open_binary(path) as stream:
        found = content_of(stream.read(HEAD), column=column, field=field)
    if found.other and not (named == "jsonl" and "JSON that" in found.other):
        advice = f"give a file of {', '.join(_READERS)}, or say with --format which of them it is"
        raise InputError(f"looks like {found.other}: {advice}", path=path)
    if named:
        return found.file_format if found.file_format in _CORRECTS[named] else named
    if found.table:
        raise InputError(f"looks like a table: {found.table} (--format lines takes whole lines as mentions)", path=path)
    return found.file_format or "lines"


class Wanted(NamedTuple):
    """Where to look for mentions, and what to add.

    ``column`` and ``field`` hold the mention in a table and in a JSON object; ``types`` are the types of mentions to
    link in formats that have types (None: all); ``keys`` is a selection of the keys in `units`. ``delimiter``,
    ``quotes`` (``double`` or ``none``) and ``header`` (``yes`` or ``no``) are those of a table; None for the format's.
    """

    column: str
    field: str
    types: frozenset[str] | None
    keys: tuple[str, ...]
    delimiter: str | None = None
    quotes: str | None = None
    header: str | None = None


class MentionFile(NamedTuple):
    """A file of mentions in a known format."""

    path: Path
    file_format: str
    wanted: Wanted

    @contextmanager
    def units(self) -> Iterator[Iterator[Unit]]:
        """Open the file and give its units, which together are the file.

        Damage after which no next record can be found is an InputError, here or while units are read.
        """
        with open_binary(self.path) as stream:
            yield _READERS[self.file_format](stream, self.path, self.wanted)

    def others(self) -> list[Path]:
        """Return the files besides this one that are read."""
        text = text_file(self.path) if self.file_format == "brat" else None
        return [text] if text else []


_READERS: dict[str, Callable[[BufferedReader, Path, Wanted], Iterator[Unit]]] = {
    "lines": lambda stream, path, wanted: line_units(stream, path, keys=wanted.keys),
    "csv": lambda *source: _table(",", *source),
    "tsv": lambda *source: _table("\t", *source),
    "jsonl": lambda stream, path, wanted: jsonl_units(stream, path, field=wanted.field, keys=wanted.keys),
    "pubtator": lambda stream, path, wanted: pubtator_units(stream, path, types=wanted.types, keys=wanted.keys),
    "bioc-xml": lambda stream, path, wanted: bioc_xml_units(stream, path, types=wanted.types, keys=wanted.keys),
    "bioc-json": lambda stream, path, wanted: bioc_json_units(stream, path, types=wanted.types, keys=wanted.keys),
    "brat": lambda stream, path, wanted: brat_units(stream, path, types=wanted.types, keys=wanted.keys),
    "pubannotation": lambda stream, path, wanted: pubannotation_units(
        stream, path, types=wanted.types, keys=wanted.keys
    ),
}


def _table(default: str, stream: BufferedReader, path: Path, wanted: Wanted) -> Iterator[Unit]:
    """Read a table: tabs have no quotes unless it is said, and a number as column means that there is no header."""
    delimiter = wanted.delimiter or named_delimiter(stream.peek(16).partition(b"\n")[0]) or default
    quoted = wanted.quotes == "double" or (not wanted.quotes and (default, delimiter) != ("\t", "\t"))
    has_header = wanted.header == "yes" or (not wanted.header and not wanted.column.isdecimal())
    form = TableForm(delimiter, quoted, has_header)
    return table_units(stream, path, form=form, column=wanted.column, keys=wanted.keys)

"""Recognise the format of a file of mentions, and open the file as units."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePath
from typing import NamedTuple

from biosyn.files import open_binary
from biosyn.mention_files.bioc import bioc_json_units, bioc_xml_units
from biosyn.mention_files.jsonl import jsonl_units
from biosyn.mention_files.pubtator import TITLE, pubtator_units
from biosyn.mention_files.tables import line_units, table_units
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
}


def format_of(path: str | Path) -> str:
    """Return a file's format by its suffix before ``.gz``; any other file is PubTator if its first line is a title."""
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    if suffixes and suffixes[-1] in SUFFIXES:
        return SUFFIXES[suffixes[-1]]
    with open_binary(path) as stream:
        line = b"\n"
        while line and not line.strip():
            line = stream.readline(4096)
    head = line.decode("utf-8-sig", "replace")
    return "pubtator" if TITLE.fullmatch(head) else "lines"


class Wanted(NamedTuple):
    """Where to look for mentions, and what to add.

    ``column`` and ``field`` hold the mention in a table and in a JSON object; ``types`` are the types of mentions to
    link in formats that have types (None: all); ``keys`` is a selection of the keys in `units`.
    """

    column: str
    field: str
    types: frozenset[str] | None
    keys: tuple[str, ...]


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


_READERS: dict[str, Callable[[BufferedReader, Path, Wanted], Iterator[Unit]]] = {
    "lines": lambda stream, path, wanted: line_units(stream, path, keys=wanted.keys),
    "csv": lambda *source: _table(",", *source),
    "tsv": lambda *source: _table("\t", *source),
    "jsonl": lambda stream, path, wanted: jsonl_units(stream, path, field=wanted.field, keys=wanted.keys),
    "pubtator": lambda stream, path, wanted: pubtator_units(stream, path, types=wanted.types, keys=wanted.keys),
    "bioc-xml": lambda stream, path, wanted: bioc_xml_units(stream, path, types=wanted.types, keys=wanted.keys),
    "bioc-json": lambda stream, path, wanted: bioc_json_units(stream, path, types=wanted.types, keys=wanted.keys),
}


def _table(delimiter: str, stream: BufferedReader, path: Path, wanted: Wanted) -> Iterator[Unit]:
    return table_units(stream, path, delimiter=delimiter, column=wanted.column, keys=wanted.keys)

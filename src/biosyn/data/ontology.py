"""Ontologies as concepts, and the dictionaries of cleaned names that are made of them."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from biosyn.concept_ids import split_ids
from biosyn.errors import InputError
from biosyn.files import read_lines

_PREFIX = re.compile(r"(?:OMIM|MESH):")


class Concept(NamedTuple):
    """One row of an ontology, its names as they stand there: uncleaned, the preferred one first.

    One without names is an id that no ontology tells us about.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    source: str

    @property
    def preferred_name(self) -> str | None:
        """The name that the ontology lists first; None where there is no name."""
        return self.names[0] if self.names else None


def strip_prefixes(cui: str) -> str:
    """Take every ``OMIM:`` and ``MESH:`` out of an id field; other prefixes belong to the id.

    Examples
    --------
    >>> strip_prefixes("OMIM:208900|MESH:D001260"), strip_prefixes("HP:0000001")
    ('208900|D001260', 'HP:0000001')
    """
    return _PREFIX.sub("", cui)


def read_medic(path: str | Path) -> list[Concept]:
    """Read ``ids||name|name...`` lines, the form of MEDIC; empty lines are skipped.

    Raises
    ------
    InputError
        If a line has not the two fields, or one of them is empty; the line is named.
    """
    concepts = [_medic_concept(line, number, path) for number, line in read_lines(path) if line.strip()]
    if not concepts:
        raise InputError("holds no concept: expected 'ids||name|name...' lines", path=path)
    return concepts


def _medic_concept(line: str, number: int, path: str | Path) -> Concept:
    fields = line.split("||")
    ids = split_ids(strip_prefixes(fields[0]))
    names = tuple(name.strip() for name in fields[-1].split("|") if name.strip())
    if len(fields) != 2 or not ids or not names:
        raise InputError(f"expected 'ids||name|name...', found {line[:60]!r}", path=path, line=number)
    return Concept(tuple(dict.fromkeys(ids)), names, Path(path).name)


def concept_json(concept: Concept) -> str:
    """Return the concept's line of ``concepts.jsonl``; the names are the ontology's own, not the cleaned ones.

    Examples
    --------
    >>> concept_json(Concept(("208900",), ("Ataxia", "AT"), "medic.txt"))
    '{"ids": ["208900"], "preferred_name": "Ataxia", "names": ["Ataxia", "AT"], "source": "medic.txt"}'
    """
    return json.dumps(
        {
            "ids": concept.ids,
            "preferred_name": concept.preferred_name,
            "names": concept.names,
            "source": concept.source,
        },
        ensure_ascii=False,
    )


class NameTable:
    """Distinct names in order of first sight, each with the ids of every row it stands in.

    Examples
    --------
    >>> table = NameTable()
    >>> table.add("ataxia", ["D1"]); table.add("chorea", ["D2"]); table.add("ataxia", ["D3", "D1"])
    >>> table.lines()
    ['D1|D3||ataxia', 'D2||chorea']
    """

    def __init__(self) -> None:
        self._ids: dict[str, dict[str, None]] = {}  # the inner dict is an ordered set

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, name: str, ids: Iterable[str]) -> None:
        """Add a cleaned name, or ids to a known one; an empty name is left out."""
        if name:
            self._ids.setdefault(name, {}).update(dict.fromkeys(ids))

    def ids(self) -> frozenset[str]:
        """Return every single id of the table, those of a composite ``x+y`` apart."""
        fields = {cui for ids in self._ids.values() for cui in ids}
        return frozenset(cui for field in fields for cui in split_ids(field))

    def lines(self) -> list[str]:
        """Return the dictionary's lines, ``cui||name``."""
        return [f"{'|'.join(ids)}||{name}" for name, ids in self._ids.items()]


def name_table(concepts: Iterable[Concept], clean: Callable[[str], str]) -> NameTable:
    """Clean every name of an ontology and merge the equal ones."""
    table = NameTable()
    for concept in concepts:
        for name in concept.names:
            table.add(clean(name), concept.ids)
    return table

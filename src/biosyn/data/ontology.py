"""Concepts of an ontology, and the dictionary of cleaned names that is made of them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from biosyn.concept_ids import split_ids

CONCEPTS_FILE = "concepts.jsonl"  # the file of concepts beside a dictionary
PARENTS = "parents"  # among the links of a concept
_PREFIX = re.compile(r"(?:OMIM|MESH):")
_NO_LINKS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of an ontology, its names as they stand there: uncleaned, the preferred one first.

    One without names is an id that no ontology tells us about.

    Attributes
    ----------
    ids
        The concept's own id, then its alternative ones; distinct.
    links
        What else the source tells of it, by key: ``parents``, ``xrefs``, ``tree_numbers``, ``mapped_to``.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    source: str
    links: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_LINKS, compare=False)

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


def distinct_ids(*fields: str) -> tuple[str, ...]:
    """Return the single ids of some id fields, in order, without prefixes; a line end inside an id becomes a blank.

    Examples
    --------
    >>> distinct_ids("MESH:D001260", "OMIM:208900|MESH:D001260", "")
    ('D001260', '208900')
    """
    ids = (" ".join(part.split()) for field in fields for part in split_ids(strip_prefixes(field)))
    return tuple(dict.fromkeys(ids))


def concept_json(concept: Concept) -> str:
    """Return the concept's line of ``concepts.jsonl``; the names are the ontology's own, not the cleaned ones.

    Examples
    --------
    >>> concept_json(Concept(("208900",), ("Ataxia", "AT"), "medic.txt"))
    '{"ids": ["208900"], "preferred_name": "Ataxia", "names": ["Ataxia", "AT"], "source": "medic.txt"}'
    >>> concept_json(Concept(("D2",), ("AT",), "ctd.csv", {"parents": ("D1",), "xrefs": ()}))
    '{"ids": ["D2"], "preferred_name": "AT", "names": ["AT"], "source": "ctd.csv", "parents": ["D1"]}'
    """
    return json.dumps(
        {
            "ids": concept.ids,
            "preferred_name": concept.preferred_name,
            "names": concept.names,
            "source": concept.source,
            **{key: values for key, values in concept.links.items() if values},
        },
        ensure_ascii=False,
    )


class NameTable:
    """Distinct names in order of first sight, each with the ids of every row it stands in.

    It iterates over the dictionary's lines, ``cui||name``.

    Examples
    --------
    >>> table = NameTable()
    >>> table.add("ataxia", ["D1"]); table.add("chorea", ["D2"]); table.add("ataxia", ["D3", "D1"])
    >>> list(table), table.homonyms
    (['D1|D3||ataxia', 'D2||chorea'], 1)
    """

    def __init__(self) -> None:
        # The tuple is the row's own, shared by all names of the row: a name costs its text and one slot.
        self._ids: dict[str, tuple[str, ...]] = {}
        self._homonyms: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return (f"{'|'.join(ids)}||{name}" for name, ids in self._ids.items())

    @property
    def homonyms(self) -> int:
        """How many names stand in two or more rows, rows of the same ids counted once."""
        return len(self._homonyms)

    def add(self, name: str, ids: Iterable[str]) -> None:
        """Add a cleaned name, or ids to a known one; an empty name is left out.

        Parameters
        ----------
        ids
            Of the row that the name stands in. A tuple is kept as it is: its ids must be distinct.
        """
        if not name:
            return
        row = ids if isinstance(ids, tuple) else tuple(dict.fromkeys(ids))
        known = self._ids.setdefault(name, row)
        if known != row:
            self._ids[name] = tuple(dict.fromkeys((*known, *row)))
            self._homonyms.add(name)

    def ids(self) -> frozenset[str]:
        """Return every single id of the table, those of a composite ``x+y`` apart."""
        fields = {cui for ids in self._ids.values() for cui in ids}
        return frozenset(cui for field in fields for cui in split_ids(field))

    def lines(self) -> list[str]:
        """Return the dictionary's lines at once."""
        return list(self)


def name_table(concepts: Iterable[Concept], clean: Callable[[str], str]) -> NameTable:
    """Clean every name of an ontology and merge the equal ones."""
    table = NameTable()
    for concept in concepts:
        for name in concept.names:
            table.add(clean(name), concept.ids)
    return table

"""The concepts of an ontology, ``concepts.jsonl``, and which of them a dictionary's name belongs to."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from biosyn.concept_ids import split_name_ids
from biosyn.errors import InputError
from biosyn.files import is_there, json_text, read_lines
from biosyn.records import Name
from biosyn.text.preprocess import TextPreprocess

CONCEPTS_FILE = "concepts.jsonl"  # in the dictionary's folder
PARENTS, XREFS, REPLACED_BY, CONSIDER = "parents", "xrefs", "replaced_by", "consider"  # keys of a concept's links
_NO_LINKS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of an ontology with its original, uncleaned names, the preferred one first.

    A concept without names is an obsolete one, or an id that no ontology describes.

    Attributes
    ----------
    ids
        The concept's own id, then its alternative ones; distinct.
    links
        What else the source says about it, by key: ``parents``, ``xrefs``, ``tree_numbers``, ``mapped_to``. Of an
        obsolete concept: ``replaced_by``, the ids that mean the same, and ``consider``, those that may be meant.
    obsolete
        Whether its id was withdrawn. Such a concept has no names, so no mention is linked to it.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    source: str
    links: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_LINKS, compare=False)
    obsolete: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the links as a dict: the empty ones are of a type that is not pickled."""
        return Concept, (self.ids, self.names, self.source, dict(self.links), self.obsolete)

    @property
    def preferred_name(self) -> str | None:
        """The name that the ontology lists first; None if there is no name."""
        return self.names[0] if self.names else None


class ConceptTable:
    """Finds the concepts that a name of a dictionary belongs to; it tells one concept's other ids from homonyms.

    Parameters
    ----------
    concepts
        The ontology that the dictionary was made from. An id that none of these concepts has is a concept of its own;
        with no concepts at all, every id is. No name belongs to an obsolete one; `described` finds it.

    Examples
    --------
    >>> table = ConceptTable([Concept(("D1", "208900"), ("Ataxia", "AT"), ""), Concept(("D2",), ("AT",), "")])
    >>> [concept.preferred_name for concept in table.concepts_of(Name("at", "D1|208900|D2"))]
    ['Ataxia', 'AT']
    >>> [concept.ids for concept in table.concepts_of(Name("ataxia", "D1|208900|D9"))]
    [('D1', '208900'), ('D9',)]
    """

    def __init__(self, concepts: Iterable[Concept] = ()):
        self._by_id: dict[str, list[Concept]] = {}
        self._obsolete: dict[str, list[Concept]] = {}
        for concept in dict.fromkeys(concepts):
            found = self._obsolete if concept.obsolete else self._by_id
            for cui in dict.fromkeys(concept.ids):
                found.setdefault(cui, []).append(concept)
        self._clean = TextPreprocess().run
        self._cleaned_names = cache(lambda concept: frozenset(map(self._clean, concept.names)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the concepts alone."""
        tables = (*self._by_id.values(), *self._obsolete.values())
        return ConceptTable, (list(dict.fromkeys(concept for found in tables for concept in found)),)

    @classmethod
    def beside(cls, dictionary_path: str | Path, *, whole: bool = False) -> "ConceptTable":
        """Read ``concepts.jsonl`` in the dictionary's folder; without that file, return a table without concepts.

        Parameters
        ----------
        whole
            Keep what only a look at single ids needs: the obsolete concepts, and the cross-references.
        """
        path = Path(dictionary_path).parent / CONCEPTS_FILE
        return cls(read_concepts(path, obsolete=whole, xrefs=whole) if is_there(path) else ())

    def concepts_of(self, name: Name) -> tuple[Concept, ...]:
        """Return the concepts of a name, in the order of its ids; a homonym has several.

        The concepts that have one of the ids and list the name come first. An id that is not among theirs came from
        elsewhere, for example from the queries in a dev dictionary: it adds every concept that has it.
        """
        ids = split_name_ids(name.cui)
        known = dict.fromkeys(concept for cui in ids for concept in self._by_id.get(cui, ()))
        cleaned = self._clean(name.name)
        listing = [concept for concept in known if cleaned in self._cleaned_names(concept)]
        accounted = {cui for concept in listing for cui in concept.ids}
        others = (concept for cui in ids if cui not in accounted for concept in self.with_id(cui))
        return tuple(dict.fromkeys([*listing, *others]))

    def with_id(self, cui: str) -> Sequence[Concept]:
        """Return the concepts that have a single id; an unknown id gets a concept of its own, without names."""
        return self._by_id.get(cui, [Concept((cui,), (), "")])

    @property
    def has_obsolete(self) -> bool:
        """Whether there is an obsolete concept."""
        return bool(self._obsolete)

    @property
    def ids(self) -> Iterator[str]:
        """Every single id, those of obsolete concepts too."""
        return chain(self._by_id, self._obsolete)

    def described(self, cui: str) -> Concept | None:
        """Return what the ontology says about a single id; None if nothing.

        OBO has an id that was merged into another twice, as an obsolete term and as an alternative id: it is obsolete.
        """
        found = [*self._by_id.get(cui, ()), *self._obsolete.get(cui, ())]
        return min(found, key=lambda one: 1 if one.obsolete else 2 * (one.ids[0] != cui), default=None)


def concept_json(concept: Concept) -> str:
    """Return the concept's line in ``concepts.jsonl``, with the ontology's own names, not the cleaned ones.

    Examples
    --------
    >>> concept_json(Concept(("208900",), ("Ataxia", "AT"), "medic.txt"))
    '{"ids": ["208900"], "preferred_name": "Ataxia", "names": ["Ataxia", "AT"], "source": "medic.txt"}'
    >>> concept_json(Concept(("D2",), ("AT",), "ctd.csv", {"parents": ("D1",), "xrefs": ()}))
    '{"ids": ["D2"], "preferred_name": "AT", "names": ["AT"], "source": "ctd.csv", "parents": ["D1"]}'
    >>> concept_json(Concept(("D3",), (), "x.obo", {"replaced_by": ("D1",)}, obsolete=True))
    '{"ids": ["D3"], "preferred_name": null, "names": [], "source": "x.obo", "obsolete": true, "replaced_by": ["D1"]}'
    """
    return json_text(
        {
            "ids": concept.ids,
            "preferred_name": concept.preferred_name,
            "names": concept.names,
            "source": concept.source,
            **({"obsolete": True} if concept.obsolete else {}),
            **{key: values for key, values in concept.links.items() if values},
        }
    )


def read_concepts(path: str | Path, *, obsolete: bool = False, xrefs: bool = False) -> list[Concept]:
    """Read the lines that `concept_json` writes; of the links, those to other concepts. Empty lines are skipped.

    Parameters
    ----------
    obsolete
        Whether to return the obsolete concepts too: no name of a dictionary belongs to one.
    xrefs
        Whether to keep the cross-references, of which some ontologies have many.
    """
    keys = (PARENTS, XREFS) if xrefs else (PARENTS,)
    concepts = (_concept(line, number, path, keys) for number, line in read_lines(path) if line.strip())
    return [concept for concept in concepts if obsolete or not concept.obsolete]


def _concept(line: str, number: int, path: str | Path, keys: Sequence[str]) -> Concept:
    try:
        row = json.loads(line)
        if not (isinstance(row, dict) and _are_texts(row["ids"])):
            raise TypeError
        ids, source = tuple(row["ids"]), str(row.get("source", ""))
        if row.get("obsolete") is True:
            return Concept(ids, (), source, _links(row, REPLACED_BY, CONSIDER), obsolete=True)
        names = [row["preferred_name"], *row["names"]]
        if not _are_texts(names):
            raise TypeError
        return Concept(ids, tuple(dict.fromkeys(names)), source, _links(row, *keys))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        expected = '{"ids": ["..."], "preferred_name": "...", "names": ["..."], "source": "..."}'
        raise InputError(f"expected {expected}, found {line[:60]!r}", path=path, line=number) from error


def _links(row: Mapping[str, Any], *keys: str) -> dict[str, tuple[str, ...]]:
    return {key: tuple(row[key]) for key in keys if _are_texts(row.get(key))}


def _are_texts(values: Any) -> bool:
    # encode raises a ValueError for half of a surrogate pair, which JSON allows but which cannot be printed
    return isinstance(values, list) and bool(values) and all(isinstance(text, str) and text.encode() for text in values)

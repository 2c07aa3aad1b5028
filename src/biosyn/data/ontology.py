"""Concepts of an ontology, and the dictionary of cleaned names that is made of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

CONCEPTS_FILE = "concepts.jsonl"  # the file of concepts beside a dictionary
PARENTS = "parents"  # among the links of a concept
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

"""A term as OBO, OBO Graph and OWL describe it, and the concept that it becomes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from biosyn.concept_ids import distinct_ids
from biosyn.data.concepts import CONSIDER, PARENTS, REPLACED_BY, Concept
from biosyn.ontologies.source import Source

# After the preferred name come the exact synonyms, then the looser ones.
SCOPES = ("exact", "narrow", "broad", "related")
BASE = "http://purl.obolibrary.org/obo/"
SCOPE_OF = {f"has{scope.title()}Synonym": scope for scope in SCOPES}
_TERM = re.compile(r"https?://.*[/#]([A-Za-z]\w*?)_(\w+)")


@dataclass(slots=True)
class Term:
    """What a file says about one id.

    Attributes
    ----------
    names
        The preferred name; others only where the file describes the id more than once.
    synonyms
        Pairs of scope, one of `SCOPES`, and text.
    """

    id: str
    names: list[str] = field(default_factory=list)
    synonyms: list[tuple[str, str]] = field(default_factory=list)
    alternative_ids: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    xrefs: list[str] = field(default_factory=list)
    replaced_by: list[str] = field(default_factory=list)
    consider: list[str] = field(default_factory=list)
    obsolete: bool = False

    def concept(self, source: Source, *, scopes: Sequence[str], release: str) -> Concept | None:
        """Return the concept, with the synonyms of the wanted scopes, the closest first; None if it has no name.

        An obsolete term becomes an obsolete concept, which has no names. What is left out is noted in the counts.
        """
        ids = distinct_ids(self.id, *sorted(self.alternative_ids))
        names = [name for name in map(str.strip, self.names) if name]
        if self.obsolete:
            source.counts.note("obsolete")
            links = {REPLACED_BY: distinct_ids(*self.replaced_by), CONSIDER: distinct_ids(*self.consider)}
            return Concept(ids, (), release, links, obsolete=True)
        if not names:
            source.counts.note("no name")
            return None
        ranked = sorted((SCOPES.index(scope), text.strip()) for scope, text in self.synonyms)
        for rank, _ in ranked:
            if SCOPES[rank] not in scopes:
                source.counts.note(f"{SCOPES[rank]} synonym")
        wanted = (text for rank, text in ranked if SCOPES[rank] in scopes)
        links = {PARENTS: distinct_ids(*sorted(self.parents)), "xrefs": tuple(sorted(set(self.xrefs)))}
        return Concept(ids, source.distinct((*names, *wanted)), release, links)


def short_id(iri: str) -> str:
    """Return the OBO id of an IRI; any other IRI is returned unchanged.

    Examples
    --------
    >>> short_id("http://purl.obolibrary.org/obo/HP_0000001"), short_id("HP:0000001"), short_id("http://a.org/x/5")
    ('HP:0000001', 'HP:0000001', 'http://a.org/x/5')
    """
    found = _TERM.fullmatch(iri)
    return f"{found[1]}:{found[2]}" if found else iri


def short_version(iri: str) -> str:
    """Return the release of a version's IRI in the form of OBO's ``data-version``.

    Examples
    --------
    >>> short_version("http://purl.obolibrary.org/obo/hp/releases/2025-01-16/hp.json"), short_version("4.1")
    ('hp/releases/2025-01-16', '4.1')
    """
    return iri.removeprefix(BASE).rpartition("/")[0] or iri

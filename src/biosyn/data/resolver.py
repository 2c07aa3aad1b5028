"""Which of its concepts a name stands for, and which of its ids a concept is given by.

The concepts c of a name are ordered by, in this order:

1. how often the name is expected to be annotated with c: ``n(name, c) + 10 * n(c) / sum of n(c')``, where n counts the
   annotated mentions in training: of this very name with c, and of any name with c or with another concept c' of the
   name. So the concept's frequency decides, until the name has been annotated otherwise about ten times;
2. whether the name is the concept's preferred one, both cleaned;
3. the vocabulary of its id: MeSH descriptors, MeSH supplements, OMIM, or the order of ``vocabularies.json``;
4. the text of its id, so that the order is the same on any machine.

Without counts (a published checkpoint, pretrain.py alone) the first rule decides nothing. The first rule is a mean with
a Dirichlet prior, of the weight 10; it was chosen on dev, docs/evaluation.md has the figures of every rule that was
tried.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from biosyn.data.annotations import Annotations
from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.vocabularies import BARE, Vocabularies, curie, preference, vocabulary_of
from biosyn.records import Name, ResolvedConcept
from biosyn.text.preprocess import TextPreprocess

ONLY_CONCEPT = "only concept"
KEPT_NAMES = 1 << 14  # whose concepts are kept: mentions of one text find the same names again and again
PRIOR = 10  # mentions of a name that outweigh how often its concepts are annotated under all names


class _Evidence(NamedTuple):
    """What is known about a concept of a name."""

    concept: Concept
    cui: str  # the id that it is given by
    in_name: int  # mentions of this name that were annotated with it
    annotated: int  # mentions of any name
    expected: int  # the first rule's figure times the sum of n(c'), a whole number, so that equal ones are equal
    preferred: bool


@dataclass(frozen=True)
class Resolver:
    """Ranks the concepts of a dictionary's names.

    Attributes
    ----------
    concepts
        The concepts of the dictionary.
    vocabularies
        Those of its bare ids, the preferred one first.
    annotations
        What the model knows from training; None if nothing.

    Examples
    --------
    >>> first = Concept(("208900", "D001260"), ("Ataxia", "AT"), "")
    >>> other = Concept(("600000",), ("Atrophy", "AT"), "")
    >>> name, table = Name("at", "600000|208900|D001260"), ConceptTable([first, other])
    >>> [(found.curie, found.reason) for found in Resolver(table).resolve(name)]
    [('MESH:D001260', 'MeSH before OMIM'), ('OMIM:600000', 'OMIM after MeSH')]
    >>> known = Resolver(table, annotations=Annotations({"208900": 57})).resolve(name)[0]
    >>> known.reason, known.alternative_ids
    ('annotated 57 times', ('OMIM:208900',))
    """

    concepts: ConceptTable
    vocabularies: Vocabularies = BARE
    annotations: Annotations | None = None

    def resolve(self, name: Name) -> tuple[ResolvedConcept, ...]:
        """Return the concepts of a name, the one that it most likely stands for first; a name has at least one.

        The reason is the rule that puts a concept before the next one, or the last after the one before it.
        """
        return tuple(self.ranked(name).values())

    def ranked(self, name: Name) -> dict[Concept, ResolvedConcept]:
        """Return the result of `resolve`, each with the row of the ontology that it is; not to be changed."""
        return self._ranked(name)

    @cached_property
    def _ranked(self) -> Callable[[Name], dict[Concept, ResolvedConcept]]:
        return lru_cache(KEPT_NAMES)(self._rank)

    def _rank(self, name: Name) -> dict[Concept, ResolvedConcept]:
        found = sorted(self._evidence(name), key=self._key)
        return {one.concept: self._resolved(one, self._reason(found, place)) for place, one in enumerate(found)}

    def _evidence(self, name: Name) -> Iterator[_Evidence]:
        concepts, known, cleaned = (
            self.concepts.concepts_of(name),
            self.annotations or Annotations(),
            self._clean(name.name),
        )
        in_name = [_sum(known.names.get(cleaned, {}), concept) for concept in concepts]
        annotated = [_sum(known.concepts, concept) for concept in concepts]
        for concept, own, of_any in zip(concepts, in_name, annotated, strict=True):
            expected = own * sum(annotated) + PRIOR * of_any
            preferred = concept.preferred_name is not None and self._clean(concept.preferred_name) == cleaned
            yield _Evidence(concept, self.by_preference(concept.ids)[0], own, of_any, expected, preferred)

    def by_preference(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return the distinct ids, those of the preferred vocabulary first, else in their own order."""
        return tuple(sorted(dict.fromkeys(ids), key=self._preference))

    def _key(self, found: _Evidence) -> tuple[Any, ...]:
        return (-found.expected, not found.preferred, self._preference(found.cui), found.cui, found.concept.ids)

    def _preference(self, cui: str) -> int:
        return preference(cui, self.vocabularies)

    def _reason(self, ranked: list[_Evidence], place: int) -> str:
        if len(ranked) == 1:
            return ONLY_CONCEPT
        is_last = place == len(ranked) - 1
        found, other = ranked[place], ranked[place - 1 if is_last else place + 1]
        if found.expected != other.expected:
            by_concept = (found.annotated - other.annotated) * (found.expected - other.expected) > 0
            return times(found.annotated) if by_concept else f"{times(found.in_name)} by this name"
        if found.preferred != other.preferred:
            return "preferred name" if found.preferred else "synonym"
        if self._preference(found.cui) != self._preference(other.cui):
            return f"{' after ' if is_last else ' before '}".join(self._sources(found.cui, other.cui))
        return "higher id" if is_last else "lower id"

    def _sources(self, *cuis: str) -> list[str]:
        rows = [vocabulary_of(cui, self.vocabularies) for cui in cuis]
        names = ["unknown id" if row is None else row.name for row in rows]
        return names if len(set(names)) > 1 else [f"{row.name} {row.part}" for row in rows if row is not None]

    def _resolved(self, found: _Evidence, reason: str) -> ResolvedConcept:
        ids = self.by_preference(found.concept.ids)
        first, *others = (curie(cui, self.vocabularies) for cui in ids)
        alternatives = tuple(cui for cui in dict.fromkeys(others) if cui != first)
        return ResolvedConcept(found.cui, first, found.concept.preferred_name, alternatives, reason, ids)

    @cached_property
    def _clean(self) -> Callable[[str], str]:
        return TextPreprocess().run


def _sum(counts: Mapping[str, int], concept: Concept) -> int:
    return sum(counts.get(cui, 0) for cui in dict.fromkeys(concept.ids))


def times(count: int) -> str:
    """Return the words for a count.

    Examples
    --------
    >>> times(57), times(2), times(0)
    ('annotated 57 times', 'annotated twice', 'never annotated')
    """
    return {0: "never annotated", 1: "annotated once", 2: "annotated twice"}.get(count, f"annotated {count} times")

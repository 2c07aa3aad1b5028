"""What a dictionary and its ontology say about one id: for those who have an id already and want to see its concept."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from biosyn.data.concepts import CONSIDER, PARENTS, REPLACED_BY, XREFS, Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.resolver import Resolver
from biosyn.data.vocabularies import Vocabulary, curie, vocabularies_of, vocabulary_of
from biosyn.errors import InputError
from biosyn.model.explain import OtherNames

LONGEST = 200  # characters of an id: a longer text is none, and is not looked at


class Entry(NamedTuple):
    """A concept as it is shown; ids are CURIEs where their vocabulary is known.

    Attributes
    ----------
    primary_id
        The preferred one of its ids.
    names
        The ontology's names, the preferred one first; those of the dictionary if it has no ontology.
    replaced_by, consider
        Of an obsolete concept: the ids that mean the same, and those that may be meant.
    """

    primary_id: str
    preferred_name: str | None
    alternative_ids: tuple[str, ...]
    names: tuple[str, ...]
    parents: tuple[str, ...]
    xrefs: tuple[str, ...]
    obsolete: bool
    replaced_by: tuple[str, ...]
    consider: tuple[str, ...]

    @property
    def label(self) -> str:
        """The preferred name, or another, or the id."""
        return next(iter((self.preferred_name, *self.names)), None) or self.primary_id


class Catalogue:
    """Finds concepts by their ids, in any spelling of the prefix, or without it as the dictionary may have them.

    Parameters
    ----------
    dictionary
        Its ids are known too where no ontology describes them.
    concepts
        They should be whole (see `ConceptTable.beside`): else no obsolete id is known, and no cross-reference.
    resolver
        That of the same concepts.
    """

    def __init__(self, dictionary: DictionaryDataset, concepts: ConceptTable, resolver: Resolver):
        self.dictionary, self.concepts, self.resolver = dictionary, concepts, resolver
        self.names = OtherNames(dictionary, concepts)

    def curie(self, cui: str) -> str:
        """Return a single id as a CURIE where its vocabulary is known, any prefix in the dictionary's capitals."""
        prefix, colon, local = self._curie(cui).partition(":")
        return self._spelled.get(prefix.lower(), prefix) + colon + local

    def _curie(self, cui: str) -> str:
        return curie(cui, self.resolver.vocabularies)

    def concept(self, cui: str) -> Concept | None:
        """Return the concept of a single id; None if there is none.

        An id that no ontology describes is a concept without names.
        """
        if len(cui) > LONGEST:
            return None
        wanted = self.curie(cui.strip())
        local = wanted.partition(":")[2] or wanted
        for form in dict.fromkeys((cui.strip(), *(f"{prefix}{local}" for prefix in self._written))):
            if form and self.curie(form) == wanted:
                found = self.concepts.described(form)
                if found is not None or form in self.names.ids:
                    return found or Concept((form,), (), "")
        return None

    @cached_property
    def _written(self) -> dict[str, str]:
        """The prefixes of ids as they are written, with the colon or empty, and an id with each."""
        written: dict[str, str] = {}
        for cui in chain(self.names.ids, self.concepts.ids):
            written.setdefault(cui[: cui.rfind(":") + 1], cui)
        return written

    @cached_property
    def _spelled(self) -> dict[str, str]:
        """The prefixes of CURIEs as the dictionary spells them, by their small letters."""
        prefixes = (self._curie(cui).partition(":")[0] for prefix, cui in self._written.items() if prefix)
        return {prefix.lower(): prefix for prefix in prefixes}

    def find(self, cui: str) -> Entry | None:
        """Return the entry of a single id; None if there is none."""
        found = self.concept(cui)
        return None if found is None else self._entry(found)

    def require(self, cui: str) -> Entry:
        """Return the entry of a single id; an InputError if there is none, with the prefixes that there are."""
        found = self.find(cui)
        if found is None:
            known = ", ".join(islice(self.vocabularies, 8)) or "none that is known"
            raise InputError(f"no concept has the id {cui[:80]!r}: the dictionary's ids are of {known}")
        return found

    @cached_property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabularies of the dictionary's ids by prefix; those of the most ids first."""
        counts = Counter(
            prefix for prefix, colon, _ in (self.curie(cui).partition(":") for cui in self.names.ids) if colon
        )
        prefixes = sorted(counts, key=lambda prefix: (-counts[prefix], prefix))
        return {prefix: vocabularies_of([prefix])[0] for prefix in prefixes}

    def vocabulary_of(self, cui: str) -> Vocabulary | None:
        """Return the vocabulary of an id, if it is known."""
        return vocabulary_of(cui, self.resolver.vocabularies) or self.vocabularies.get(cui.partition(":")[0])

    def with_names(self, ids: Iterable[str]) -> list[dict[str, str]]:
        """Return ids, each with the label of its concept, or itself where there is none."""
        found = ((cui, self.find(cui)) for cui in ids)
        return [{"id": cui, "name": cui if entry is None else entry.label} for cui, entry in found]

    def _entry(self, concept: Concept) -> Entry:
        first, *others = map(self.curie, self.resolver.by_preference(concept.ids))
        links = {key: self._curies(concept.links.get(key, ())) for key in (PARENTS, XREFS, REPLACED_BY, CONSIDER)}
        return Entry(
            primary_id=first,
            preferred_name=concept.preferred_name,
            alternative_ids=tuple(cui for cui in dict.fromkeys(others) if cui != first),
            names=concept.names or (() if concept.obsolete else self.names.names_of(concept)),
            obsolete=concept.obsolete,
            **links,
        )

    def _curies(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self.curie, ids))

"""What a dictionary and its ontology say about one id: for those who have an id already and want to see its concept."""

from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from biosyn.data.concepts import CONSIDER, PARENTS, REPLACED_BY, XREFS, Concept
from biosyn.data.vocabularies import Vocabulary, curie, vocabularies_of, vocabulary_of
from biosyn.errors import InputError
from biosyn.model.explain import OtherNames
from biosyn.model.linker import Linker

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
    """Finds entries by their ids.

    Parameters
    ----------
    linker
        Its concepts should be whole (see `ConceptTable.beside`): else no obsolete id is known, and no cross-reference.
    """

    def __init__(self, linker: Linker):
        self.names = OtherNames(linker.dictionary, linker.concepts)
        self._concepts, self._resolver = linker.concepts, linker.resolver
        self._vocabularies = linker.resolver.vocabularies

    def curie(self, cui: str) -> str:
        """Return a single id as a CURIE, where its vocabulary is known."""
        return curie(cui, self._vocabularies)

    def find(self, cui: str) -> Entry | None:
        """Return the entry of a single id, with its prefix or, as the dictionary may have it, without; None if none."""
        if len(cui) > LONGEST:
            return None
        wanted = self.curie(cui.strip())
        for form in dict.fromkeys((cui.strip(), wanted, wanted.partition(":")[2])):
            if form and self.curie(form) == wanted:
                concept = self._concepts.described(form)
                if concept is not None or form in self.names.ids:
                    return self._entry(concept or Concept((form,), (), ""))
        return None

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
        counts: dict[str, int] = {}
        for cui in self.names.ids:
            prefix = self.curie(cui).partition(":")[0] if ":" in self.curie(cui) else ""
            counts[prefix] = counts.get(prefix, 0) + 1
        prefixes = sorted(counts.keys() - {""}, key=lambda prefix: (-counts[prefix], prefix))
        return {prefix: vocabularies_of([prefix])[0] for prefix in prefixes}

    def vocabulary_of(self, cui: str) -> Vocabulary | None:
        """Return the vocabulary of an id, if it is known."""
        return vocabulary_of(cui, self._vocabularies) or self.vocabularies.get(cui.partition(":")[0])

    def _entry(self, concept: Concept) -> Entry:
        first, *others = map(self.curie, self._resolver.by_preference(concept.ids))
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

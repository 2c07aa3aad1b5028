"""Why a mention got its candidates: its cleaning, the n-grams in common, the concepts' other names."""

from collections.abc import Mapping
from typing import NamedTuple

from biosyn.concept_ids import split_name_ids
from biosyn.data.concepts import ConceptTable
from biosyn.data.ontology import Concept
from biosyn.encoders.ngrams import NgramShare, ngrams_in_common
from biosyn.encoders.sparse import SparseEncoder
from biosyn.model.linker import Linker
from biosyn.records import Candidate, Name
from biosyn.text.trace import Step, trace_cleaning


class ConceptNames(NamedTuple):
    """A concept of a candidate, and the other names that the dictionary has for it, in its order."""

    ids: tuple[str, ...]
    preferred_name: str | None
    other_names: tuple[str, ...]


class ExplainedCandidate(NamedTuple):
    """A candidate, all n-grams it has in common with the mention, and its concepts: several where it is a homonym."""

    candidate: Candidate
    ngrams: tuple[NgramShare, ...]
    concepts: tuple[ConceptNames, ...]


class Explanation(NamedTuple):
    """A mention, how it was cleaned, the model's w, and its candidates, best first."""

    mention: str
    cleaning: tuple[Step, ...]
    sparse_weight: float
    candidates: tuple[ExplainedCandidate, ...]


class Explainer:
    """Explains what a linker finds.

    Parameters
    ----------
    sparse_encoder, sparse_weight
        The linker's own.
    concepts
        Those of the linker's dictionary.
    """

    def __init__(self, linker: Linker, sparse_encoder: SparseEncoder, sparse_weight: float, *, concepts: ConceptTable):
        self._linker = linker
        self._sparse_encoder = sparse_encoder
        self._sparse_weight = sparse_weight
        self._concepts = concepts
        self._names_of: dict[str, list[Name]] = {}
        for name in linker.dictionary:
            for cui in split_name_ids(name.cui):
                self._names_of.setdefault(cui, []).append(name)

    def explain(
        self,
        mention: str,
        *,
        topk: int,
        abbreviations: Mapping[str, str] | None = None,
        typos: Mapping[str, str] | None = None,
    ) -> Explanation:
        """Link one mention and explain its candidates.

        Parameters
        ----------
        abbreviations, typos
            As `trace_cleaning` takes them.

        Raises
        ------
        InputError
            If the mention is empty, or nothing but punctuation.
        """
        steps = trace_cleaning(mention, abbreviations=abbreviations, typos=typos)
        cleaned = steps[-1].text
        (prediction,) = self._linker.link([cleaned], topk=topk)
        found = prediction.candidates
        names = [candidate.name for candidate in found]
        ngrams = ngrams_in_common(self._sparse_encoder, cleaned, names, sparse_weight=self._sparse_weight)
        explained = (
            ExplainedCandidate(candidate, tuple(common), self._concepts_of(candidate))
            for candidate, common in zip(found, ngrams, strict=True)
        )
        return Explanation(mention, tuple(steps), self._sparse_weight, tuple(explained))

    def _concepts_of(self, candidate: Candidate) -> tuple[ConceptNames, ...]:
        concepts = self._concepts.concepts_of(Name(candidate.name, candidate.cui))
        return tuple(
            ConceptNames(concept.ids, concept.preferred_name, self._other_names(concept, candidate.name))
            for concept in concepts
        )

    def _other_names(self, concept: Concept, name: str) -> tuple[str, ...]:
        sharing = dict.fromkeys(other for cui in concept.ids for other in self._names_of.get(cui, ()))
        names = (other.name for other in sharing if concept in self._concepts.concepts_of(other))
        return tuple(other for other in dict.fromkeys(names) if other != name)

"""The reasons for a mention's candidates: its cleaning, the n-grams in common, the other names of the concepts."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from biosyn.concept_ids import split_name_ids
from biosyn.data.concepts import Concept, ConceptTable
from biosyn.data.dictionary import DictionaryDataset
from biosyn.encoders.sparse import NgramPart, SparseEncoder, ngrams_in_common
from biosyn.records import Candidate, Name, ResolvedConcept
from biosyn.text.mentions import Step
from biosyn.text.preprocess import lookup_text


class ConceptNames(NamedTuple):
    """A concept of a candidate, and its other names in the dictionary, in the dictionary's order."""

    ids: tuple[str, ...]
    preferred_name: str | None
    other_names: tuple[str, ...]


class ExplainedCandidate(NamedTuple):
    """A candidate, all n-grams that it shares with the mention, and its concepts: several for a homonym."""

    candidate: Candidate
    ngrams: tuple[NgramPart, ...]
    concepts: tuple[ConceptNames, ...]


class Explanation(NamedTuple):
    """A mention, the steps of its cleaning, the model's w, the candidates, best first, and the calibrated probability.

    ``unsure`` as in `MentionPrediction`. ``resolved`` has the concepts of the best name, the one that it most likely
    stands for first. A mention that was split has no candidates itself: ``parts`` has the explanation of each part.
    """

    mention: str
    cleaning: tuple[Step, ...]
    sparse_weight: float
    candidates: tuple[ExplainedCandidate, ...]
    probability: float | None = None
    resolved: tuple[ResolvedConcept, ...] = ()
    unsure: str = ""
    parts: tuple["Explanation", ...] = ()

    @property
    def score(self) -> float:
        """The score of the best name; of a mention that was split the lowest of its parts."""
        return min(part.score for part in self.parts) if self.parts else self.candidates[0].candidate.score


def explain_candidates(
    mention: str,
    candidates: Sequence[Candidate],
    sparse_encoder: SparseEncoder,
    *,
    sparse_weight: float,
    other_names: "OtherNames",
) -> tuple[ExplainedCandidate, ...]:
    """Return the candidates of a cleaned mention with the reasons for each."""
    names = [candidate.name for candidate in candidates]
    texts = [lookup_text(name) for name in names]
    ngrams = ngrams_in_common(sparse_encoder, mention, texts, sparse_weight=sparse_weight)
    return tuple(
        ExplainedCandidate(candidate, tuple(common), other_names.of(candidate))
        for candidate, common in zip(candidates, ngrams, strict=True)
    )


class OtherNames:
    """Finds the other names of a name's concepts in a dictionary."""

    def __init__(self, dictionary: DictionaryDataset, concepts: ConceptTable):
        self._concepts = concepts
        self._dictionary = dictionary
        self._rows_by_id: dict[str, list[int]] = {}
        for row, cuis in enumerate(dictionary.cuis):
            for cui in split_name_ids(cuis):
                self._rows_by_id.setdefault(cui, []).append(row)

    @property
    def ids(self) -> Collection[str]:
        """The ids of the dictionary, each once."""
        return self._rows_by_id.keys()

    def of(self, candidate: Candidate) -> tuple[ConceptNames, ...]:
        """Return the concepts of a candidate, each with its other names."""
        concepts = self._concepts.concepts_of(Name(candidate.name, candidate.cui))
        return tuple(
            ConceptNames(concept.ids, concept.preferred_name, self.names_of(concept, apart_from=candidate.name))
            for concept in concepts
        )

    def names_of(self, concept: Concept, *, apart_from: str = "") -> tuple[str, ...]:
        """Return the names of a concept in the dictionary but for one."""
        rows = dict.fromkeys(row for cui in concept.ids for row in self._rows_by_id.get(cui, ()))
        names = (
            other.name
            for other in map(self._dictionary.__getitem__, rows)
            if concept in self._concepts.concepts_of(other)
        )
        return tuple(name for name in dict.fromkeys(names) if name != apart_from)

"""Rows of a search as named candidates."""

from biosyn.data.dictionary import DictionaryDataset
from biosyn.records import Candidate
from biosyn.retrieval.search import TopNames


def to_candidates(found: TopNames, dictionary: DictionaryDataset) -> list[tuple[Candidate, ...]]:
    """Return the K candidates of each of M mentions, best first."""
    return [
        tuple(
            Candidate(dictionary.names[row], dictionary.cuis[row], score)
            for row, score in zip(rows, scores, strict=True)
        )
        for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True)
    ]

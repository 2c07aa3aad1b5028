"""Rows of a search as named candidates."""

from biosyn.data.dictionary import DictionaryDataset
from biosyn.records import Candidate
from biosyn.retrieval.score_parts import Shares
from biosyn.retrieval.search import TopNames


def to_candidates(found: TopNames, shares: Shares, dictionary: DictionaryDataset) -> list[tuple[Candidate, ...]]:
    """Return the K candidates of each of M mentions, best first."""
    table = zip(*(part.tolist() for part in (*found, *shares)), strict=True)  # M times four lists of K
    return [
        tuple(
            Candidate(dictionary.names[row], dictionary.cuis[row], *numbers)
            for row, *numbers in zip(*lists, strict=True)
        )
        for lists in table
    ]

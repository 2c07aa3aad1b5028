"""The exact top-k concepts of each mention: names are searched deeper until they have enough concepts."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

import torch

from biosyn.retrieval.search import TopNames

NAMES_A_CONCEPT = 8  # names in the first search for each wanted concept; MEDIC has 6 names per concept
MAX_PAIRS = 1_048_576  # mention-name pairs kept at a time, at any depth of the search: 12 MB

C = TypeVar("C", bound=Hashable)


class ConceptHit(NamedTuple, Generic[C]):
    """A concept and the best of its names."""

    concept: C
    row: int  # of the name in the dictionary
    score: float
    homonym: bool  # whether that name also belongs to other concepts


def distinct_concepts(
    names: Iterable[tuple[int, float]], concepts_of: Callable[[int], Sequence[C]], *, topk: int
) -> list[ConceptHit[C]]:
    """Return the first ``topk`` distinct concepts of some names, best names first; fewer if there are fewer.

    A concept's first name is its best one. The concepts of a name are in the order of ``concepts_of``.

    Parameters
    ----------
    names
        Row and score of each name, best first.

    Examples
    --------
    >>> names, concepts = [(7, 0.9), (2, 0.8), (5, 0.1)], {7: ["A"], 2: ["A", "B"], 5: ["C"]}
    >>> [tuple(hit) for hit in distinct_concepts(names, concepts.__getitem__, topk=2)]
    [('A', 7, 0.9, False), ('B', 2, 0.8, True)]
    """
    hits: dict[C, ConceptHit[C]] = {}
    for row, score in names:
        concepts = concepts_of(row)
        for concept in concepts:
            hits.setdefault(concept, ConceptHit(concept, row, score, len(concepts) > 1))
        if len(hits) >= topk:
            break
    return list(hits.values())[:topk]


def top_concepts(
    n_mentions: int,
    n_names: int,
    *,
    topk: int,
    search: Callable[[list[int], int], TopNames],
    concepts_of: Callable[[int], Sequence[C]],
    best_names: int = 0,
) -> tuple[list[list[ConceptHit[C]]], TopNames]:
    """Return the ``topk`` best concepts of each of M mentions: a concept's score is that of its best name.

    The second result is the ``best_names`` best names of each mention, which the same search finds.

    Exact, as names come best first: once the names taken hold K concepts, no name further down can change them. The
    search decides what is best: it may put a name that equals the mention before names with a higher score.
    A mention whose names hold fewer is searched again, twice as deep, up to all N names. So every mention has the same
    number of concepts: K, or all that there are.

    Parameters
    ----------
    n_mentions, n_names
        M, and N, the size of the dictionary.
    search
        Function from the numbers of some of the M mentions, and K, to the K best names of each of them.
    concepts_of
        Row of the dictionary -> its concepts.
    best_names
        The number of best names to return of each mention; N of them where N is smaller.
    """
    found: list[list[ConceptHit[C]]] = [[] for _ in range(n_mentions)]
    best_names = min(best_names, n_names)
    best_rows, best_scores = torch.zeros(n_mentions, best_names).long(), torch.zeros(n_mentions, best_names)
    pending, depth = list(range(n_mentions)), min(max(NAMES_A_CONCEPT * topk, best_names), n_names)
    while pending:
        step = max(1, MAX_PAIRS // depth)
        for start in range(0, len(pending), step):
            block = pending[start : start + step]
            names = search(block, depth)
            best_rows[block] = names.rows[:, :best_names].cpu()
            best_scores[block] = names.scores[:, :best_names].cpu()
            for mention, rows, scores in zip(block, names.rows.tolist(), names.scores.tolist(), strict=True):
                found[mention] = distinct_concepts(zip(rows, scores, strict=True), concepts_of, topk=topk)
        pending = [mention for mention in pending if len(found[mention]) < topk and depth < n_names]
        depth = min(2 * depth, n_names)
    return found, TopNames(best_rows, best_scores)

"""The names of each concept, and the order of the concepts in an epoch of self-alignment."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biosyn.concept_ids import name_ids

NAMES_A_CONCEPT = 2  # in a batch: a pair of synonyms


class SynonymSets:
    """The rows of a dictionary by concept.

    A concept is an id as the dictionary writes it: the names of ``D1|D2`` are synonyms of each other.

    Parameters
    ----------
    names, cuis
        The two columns of the dictionary, N rows.
    """

    def __init__(self, names: Sequence[str], cuis: Sequence[str]):
        sets: dict[str, dict[str, int]] = {}
        for row, (name, cui) in enumerate(zip(names, cuis, strict=True)):
            sets.setdefault(cui, {}).setdefault(name, row)
        self.cuis = list(sets)
        _, self.texts = np.unique(np.array(names, dtype=object), return_inverse=True)  # (N,) equal for equal names
        self.rows = [np.array(list(rows.values()), dtype=np.int64) for rows in sets.values()]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def with_synonyms(self) -> int:
        """The number of concepts with two names or more; only these can be aligned."""
        return sum(len(rows) > 1 for rows in self.rows)

    def draw(self, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Return the rows of two names of each concept at random, of one if it has no other."""
        return [random.permutation(rows)[:NAMES_A_CONCEPT] for rows in self.rows]

    def is_synonym(self, concepts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each pair of the concepts (T,) whether they share an id, (T, T); a concept does with itself."""
        distinct, places = np.unique(concepts, return_inverse=True)
        ids: dict[str, int] = {}
        members = [[ids.setdefault(one, len(ids)) for one in name_ids(self.cuis[concept])] for concept in distinct]
        has = np.zeros((len(distinct), len(ids)), dtype=np.float32)
        for row, columns in enumerate(members):
            has[row, columns] = 1
        return ((has @ has.T) > 0)[np.ix_(places, places)]


def neighbour_order(
    neighbours: NDArray[np.int64], *, group_size: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return the C concepts in a random order that puts concepts that are hard to tell apart next to each other: (C,).

    A group is a concept that is in no group yet, taken at random, and its nearest neighbours that are in none.

    Parameters
    ----------
    neighbours
        The concepts most like each concept, nearest first, (C, K).
    group_size
        The concepts of a group; 1 makes the order random.

    Examples
    --------
    >>> order = neighbour_order(np.array([[2], [3], [0], [1]]), group_size=2, random=np.random.default_rng(0))
    >>> sorted(sorted(order[start : start + 2].tolist()) for start in (0, 2))
    [[0, 2], [1, 3]]
    """
    free = np.ones(len(neighbours), dtype=bool)
    order: list[int] = []
    for concept in random.permutation(len(neighbours)).tolist():
        if free[concept]:
            near = [other for other in neighbours[concept].tolist() if free[other]]
            group = list(dict.fromkeys([concept, *near]))[:group_size]
            order += group
            free[group] = False
    return np.array(order, dtype=np.int64)

"""The names of each concept, of one dictionary or several; the order of the concepts in an epoch of self-alignment."""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biosyn.concept_ids import name_ids, split_name_ids
from biosyn.data.dictionary import DictionaryDataset
from biosyn.data.vocabularies import Vocabularies, curie, vocabularies_beside

NAMES_A_CONCEPT = 2  # in a batch: a pair of synonyms


def as_one(dictionaries: Sequence[DictionaryDataset]) -> DictionaryDataset:
    """Return the names of several dictionaries, one after the other, with ids that mean the same in all of them.

    A bare id gets the prefix of its vocabulary, which is that of `vocabularies_beside` each dictionary. Equal bare ids
    of no known vocabulary are different concepts where they are of different dictionaries: each gets the number of its
    dictionary as its prefix. A single dictionary is returned as it is.
    """
    if len(dictionaries) == 1:
        return dictionaries[0]
    cuis: list[str] = []
    for number, dictionary in enumerate(dictionaries, start=1):
        known = vocabularies_beside(dictionary)
        common = cache(lambda field, known=known, number=number: _common_ids(field, known, number))
        cuis += map(common, dictionary.cuis)
    path = Path(", ".join(str(dictionary.path) for dictionary in dictionaries))  # for messages
    return DictionaryDataset.of_texts(path, tuple(chain.from_iterable(part.names for part in dictionaries)), cuis)


def _common_ids(field: str, vocabularies: Vocabularies, dictionary: int) -> str:
    """Return the ids of a name with prefixes: those of their vocabularies, or the dictionary's number.

    Examples
    --------
    >>> from biosyn.data.vocabularies import BARE, vocabularies_of
    >>> _common_ids("D001260|208900|7", BARE, 1), _common_ids("208900", vocabularies_of(["NCBIGene"]), 2)
    ('MESH:D001260|OMIM:208900|1:7', 'NCBIGene:208900')
    """
    curies = (curie(cui, vocabularies) for cui in split_name_ids(field))
    return "|".join(cui if ":" in cui else f"{dictionary}:{cui}" for cui in curies)


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

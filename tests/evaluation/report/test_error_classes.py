import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.evaluation.report.errors import CLASSES, Facts, error_class

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

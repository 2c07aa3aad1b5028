import pytest

from biosyn.evaluation.slices import (
    by_abbreviation,
    by_composite,
    by_concept_seen,
    by_homonym,
    by_mention_seen,
    by_tokens,
    short_forms,
)
from biosyn.records import Query

TRAIN = [Query("ataxia", "D1"), Query("chorea|dementia", "D2+D3")]


def labels(part):
    return list(part.labels)


def test_a_mention_is_seen_as_it_stands():
    queries = [Query("ataxia", "D9"), Query("Ataxia", "D1"), Query("chorea|dementia", "D2|D3"), Query("chorea", "D2")]
    assert labels(by_mention_seen(queries, TRAIN)) == ["seen", "unseen", "seen", "unseen"]


def test_a_concept_is_seen_when_all_its_ids_are():
    queries = [Query("x", "D1"), Query("x", "D4"), Query("x", "D2|D1"), Query("x", "D2+D4"), Query("x", "-1")]
    assert labels(by_concept_seen(queries, TRAIN)) == ["seen", "unseen", "seen", "unseen", "none"]


def test_minus_one_in_training_is_no_concept():
    assert labels(by_concept_seen([Query("x", "-1")], [Query("y", "-1")])) == ["none"]


def test_composites_are_cut_or_uncut():
    queries = [Query("a", "D1"), Query("a|b", "D1|D2"), Query("a and b", "D1+D2")]
    assert labels(by_composite(queries)) == ["no", "cut", "uncut"]


def test_one_homonym_among_the_parts_is_enough():
    assert labels(by_homonym([[1], [2], [1, 3], [1, 1]])) == ["no", "yes", "yes", "no"]


@pytest.mark.parametrize(
    ("mention", "label"), [("a", "1"), ("a b", "2"), ("a b|c d", "4"), ("a b c d e", "5+"), ("a b c d e f g", "5+")]
)
def test_tokens_are_counted_over_all_parts(mention, label):
    assert labels(by_tokens([Query(mention, "D1")])) == [label]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("APC", ["APC"]),
        ("A-T", ["A-T"]),
        ("(VHL) disease", ["VHL"]),
        ("FAP/HNPCC", ["FAP", "HNPCC"]),
        ("SCA1", ["SCA1"]),
        ("Ataxia-Telangiectasia", []),  # two capitals of 20 letters
        ("C5-deficient", []),
        ("DiGeorge", []),
        ("A", []),
        ("ABCDEFGHIJK", []),  # eleven characters
        ("ataxia", []),
        ("", []),
    ],
)
def test_short_forms_are_known_by_their_shape(raw, found, naive):
    assert short_forms(raw) == naive.short_forms(raw) == found


def test_a_short_form_left_in_the_mention_was_not_expanded():
    queries = [Query("apc tumours", "D1"), Query("adenomatous polyposis coli", "D1"), Query("polyps", "D1")]
    found = by_abbreviation(queries, ["APC tumours", "APC", "polyps"])
    assert labels(found) == ["kept", "expanded", "none"]


def test_a_short_form_inside_a_longer_word_is_not_left():
    assert labels(by_abbreviation([Query("apcoid tumours", "D1")], ["APC"])) == ["expanded"]


def test_one_short_form_left_of_two_is_kept():
    found = by_abbreviation([Query("familial polyposis hnpcc", "D1")], ["FAP/HNPCC"])
    assert labels(found) == ["kept"]

import pytest

from biosyn.records import Query, split_mention


@pytest.mark.parametrize(
    ("mention", "parts"), [("ataxia", ["ataxia"]), ("a|b", ["a", "b"]), ("a+b", ["a", "b"]), ("a|b+c", ["a", "b", "c"])]
)
def test_a_composite_mention_is_split_at_bars_and_plus_signs(mention, parts):
    assert split_mention(Query(mention, "D1")) == parts


def test_any_other_mention_is_its_only_part():
    assert split_mention(Query("Ataxia, (Louis-Bar)", "D1")) == ["Ataxia, (Louis-Bar)"]

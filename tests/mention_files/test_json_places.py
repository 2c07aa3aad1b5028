import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biosyn.mention_files.json_places import MAX_DEPTH, TruncatedError, insert, new_members, parse_value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def plain(node):
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if isinstance(node.value, list) else node.value


@given(VALUES, LAYOUTS)
@example(-(10**17) - 1, {})
@example(10**299, {})
def test_it_reads_what_the_standard_library_reads(value, layout):
    text = f" {json.dumps(value, **layout)} "
    assert plain(parse_value(text)) == json.loads(text)


@given(VALUES, LAYOUTS)
def test_every_node_stands_where_it_says(value, layout):
    text = json.dumps(value, **layout) + " "
    nodes = [parse_value(text)]
    while nodes:
        node = nodes.pop()
        assert json.loads(text[node.start : node.end]) == plain(node)
        nodes += node.value.values() if isinstance(node.value, dict) else []
        nodes += node.value if isinstance(node.value, list) else []


@given(VALUES, LAYOUTS, st.data())
def test_a_text_cut_short_is_told_from_a_wrong_one(value, layout, data):
    text = json.dumps({"a": value}, **layout)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(TruncatedError):
        parse_value(text[:cut])


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.dictionaries(st.text(), VALUES, min_size=1), LAYOUTS)
def test_new_members_come_last_and_the_rest_stays(value, added, layout):
    text = json.dumps(value, **layout)
    place, written = new_members(text, parse_value(text), added)
    whole = insert(text, [(place, written)])
    assert whole[:place] + whole[place + len(written) :] == text
    assert json.loads(whole, object_pairs_hook=list)[: len(value)] == json.loads(text, object_pairs_hook=list)
    assert json.loads(whole) == {**value, **added}


@pytest.mark.parametrize(
    "text",
    ["{'a': 1} ", '{"a" 1} ', '{"a": 1,} ', "[1 2] ", "[,] ", "01 ", "1. ", "+1 ", "NaN ", "nul ", '"\x01" ', r'"\x" '],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError) as caught:
        parse_value(text)
    assert not isinstance(caught.value, TruncatedError)


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="'a' stands twice"):
        parse_value('{"a": 1, "a": 2}')


def test_deep_nesting_and_huge_numbers_do_no_harm():
    with pytest.raises(ValueError, match="nested more than"):
        parse_value("[" * 100_000)
    assert parse_value("[" * MAX_DEPTH + "]" * MAX_DEPTH).end == 2 * MAX_DEPTH
    assert parse_value("9" * 100_000 + " ").value == float("inf")

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biosyn.mention_files.json_places import NoJsonError, parse_json, with_members, with_members_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def objects_in(value):
    """Return the objects of a value, inner ones first, as the parser gives them."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [one for part in inner for one in objects_in(part)]
    return [*found, value] if isinstance(value, dict) else found


@given(VALUES, LAYOUTS)
@example(-(10**17) - 1, {})
@example(10**299, {})
@example([{"}": "}{", "{": {"\\": {}}}, '"}'], {})
def test_values_are_the_standard_library_s_and_objects_come_in_the_order_in_which_they_end(value, layout):
    text = f" {json.dumps(value, **layout)} "
    found = parse_json(text)
    assert (found.value, found.end) == (json.loads(text), len(text) - 1)
    assert found.objects == objects_in(found.value)
    assert {id(one) for one in found.objects} == {id(one) for one in objects_in(found.value)}


@given(VALUES, LAYOUTS, st.data())
def test_members_go_into_the_objects_that_are_named_and_the_rest_stays(value, layout, data):
    text = json.dumps(value, **layout)
    found = parse_json(text)
    chosen = [one for one in found.objects if data.draw(st.booleans())]
    key = "new".ljust(len(text))  # so long that no object has it
    written = with_members_of(text, found.objects, [(one, {key: [n]}) for n, one in enumerate(chosen)])
    for n, one in enumerate(chosen):
        written = written.replace(f'{", " if one else ""}"{key}": [{n}]', "")
        one[key] = [n]
    assert written == text  # nothing else was written
    assert json.loads(with_members_of(text, found.objects, [(one, {key: one[key]}) for one in chosen])) == found.value


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"a": 1}', '{"a": 1, "b": "é", "c": 2}'),
        ('{"a": {}\n}\n', '{"a": {}, "b": "é", "c": 2\n}\n'),
        ("{ }", '{"b": "é", "c": 2 }'),
    ],
)
def test_members_come_right_after_the_last_one(text, after):
    assert with_members(text, len(text.rstrip()), {"b": "é", "c": 2}) == after


@given(VALUES, LAYOUTS, st.data())
@example("\ud83d\ude00", {}, None)
@example([-1.5e-10, False, None], {}, None)
def test_a_text_that_is_cut_is_told_from_a_wrong_one(value, layout, data):
    text = json.dumps({"a": value}, **layout)
    for cut in range(len(text)) if data is None else [data.draw(st.integers(0, len(text) - 1))]:
        with pytest.raises(NoJsonError) as caught:
            parse_json(text[:cut])
        assert caught.value.cut_short


@pytest.mark.parametrize(
    "text",
    ["{'a': 1}", '{"a" 1}', '{"a": 1,}', "[1 2]", "[,]", "[01]", "[1.]", "+1", "nul", '"\x01"', r'"\x"', "]"],
)
def test_wrong_json_is_refused_once_there_is_more_text(text):
    with pytest.raises(NoJsonError) as caught:
        parse_json(text + " " * 20)
    assert not caught.value.cut_short


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ("[NaN]", "NaN is not a JSON value"),
        ("-Infinity", "-Infinity is not a JSON value"),
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
    ],
)
def test_what_the_standard_library_accepts_or_fails_on_is_refused(text, message):
    with pytest.raises(NoJsonError, match=message) as caught:
        parse_json(text)
    assert not caught.value.cut_short


def test_huge_numbers_do_no_harm():
    assert parse_json("[" + "9" * 100_000 + "]").value == [float("inf")]
    assert parse_json("9" * 300).value == 10**300 - 1

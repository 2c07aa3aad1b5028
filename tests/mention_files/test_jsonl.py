import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.mention_files.added_columns import ID

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
# hypothesis tries strings that it finds in our code
KEYS = st.text().filter(lambda key: not key.startswith("biosyn"))
ADDED = {"biosyn_id": "D1|2", "biosyn_name": 'ataxia, type "1" & <é>', "biosyn_score": 12.3457}


def test_before_and_after(rewrite):
    before = '\ufeff{"z": 1.50, "text": "at\\u0061xia", "a": {"text": 1e2} }\r\n\n{"text":"asthma"}'
    mentions, written = rewrite(before, "jsonl", field="text", keys=(ID,))
    assert [one.text for one in mentions] == ["ataxia", "asthma"]
    assert written.decode() == (
        '\ufeff{"z": 1.50, "text": "at\\u0061xia", "a": {"text": 1e2}, "biosyn_id": "D1|2" }\r\n\n'
        '{"text":"asthma", "biosyn_id": "D1|2"}'
    )


@given(records=st.lists(st.tuples(st.dictionaries(KEYS, VALUES, max_size=3), st.text())), ascii_only=st.booleans())
def test_what_is_written_is_read_back(rewrite, records, ascii_only):
    rows = [{**values, "mention": mention} for values, mention in records]
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    mentions, written = rewrite(text, "jsonl")
    assert [one.text for one in mentions] == [row["mention"] for row in rows]
    read = [json.loads(line, object_pairs_hook=list) for line in written.decode().split("\n")[:-1]]
    expected = [json.loads(line, object_pairs_hook=list) for line in text.split("\n")[:-1]]
    assert read == [[*row, *ADDED.items()] for row in expected]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"mention": "ataxia"', "is not one JSON object: the text ends"),
        ('{"mention": "ataxia"} x', "something follows the object"),
        ('["ataxia"]', "is not one JSON object"),
        ('"ataxia"', "is not one JSON object"),
        ('{"text": "ataxia"}', "has no text 'mention'"),
        ('{"mention": 7}', "has no text 'mention'"),
        ('{"mention": null}', "has no text 'mention'"),
        ('{"mention": "a", "mention": "b"}', "occurs twice"),
        ('{"mention": "a", "biosyn_name": "b"}', "already holds biosyn_name"),
        ('{"mention": ' + "[" * 100_000, "nested too deep"),
        ('{"mention": "a\x00b"}', "control character"),
    ],
)
def test_a_bad_line_is_named_and_stays(rewrite, line, problem):
    mentions, written = rewrite(f'{{"mention": "a"}}\n{line}\n', "jsonl")
    assert not mentions[0].problem
    assert problem in mentions[1].problem
    assert mentions[1].place.endswith(":2")
    assert written.endswith(f"\n{line}\n".encode())

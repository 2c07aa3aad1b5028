import json

import pytest

from biosyn.errors import InputError

TEXT = "Breast and ovarian cancer in A-T."


def denotation(begin, end, obj="Disease", **more):
    return {"id": "T1", "span": {"begin": begin, "end": end}, "obj": obj, **more}


def document(*denotations, **more):
    return {"sourcedb": "PubMed", "sourceid": "17", "text": TEXT, "denotations": list(denotations), **more}


def test_links_are_members_of_the_denotations_and_nothing_else_changes(rewrite):
    before = json.dumps([document(denotation(11, 25), denotation(29, 32, "Gene")), document()], indent=1)
    mentions, written = rewrite(before, "pubannotation", types=frozenset({"disease"}))
    assert [(one.text, one.problem) for one in mentions] == [("ovarian cancer", "")]
    assert mentions[0].place.endswith(": document '17', denotation 'T1'")
    read = json.loads(written)
    added = {"biosyn_id": "D1|2", "biosyn_name": 'ataxia, type "1" & <é>', "biosyn_score": 12.3457}
    assert read[0]["denotations"][0] == {**denotation(11, 25), **added}
    for key in added:
        del read[0]["denotations"][0][key]
    assert read == json.loads(before)
    assert rewrite(before, "pubannotation", link=None)[1] == before.encode()


def test_a_unit_has_the_text_and_the_types_that_are_passed_over(units_of):
    lines = "".join(f"{json.dumps(document(denotation(0, 6, kind)))}\n" for kind in ("Disease", "Gene"))
    units = [unit for unit in units_of(lines, "pubannotation", types=frozenset({"Disease"})) if unit.text]
    assert [unit.text for unit in units] == [f"{TEXT}\n"] * 2
    assert [(len(unit.mentions), unit.other_types) for unit in units] == [(1, ()), (0, ("Gene",))]


def test_several_spans_and_tracks(rewrite):
    pieces = {"id": "T1", "span": [{"begin": 0, "end": 6}, {"begin": 19, "end": 25}], "obj": ["Disease", "x"]}
    before = {
        "text": TEXT,
        "tracks": [{"project": "p", "denotations": [pieces]}, {"denotations": [denotation(29, 32)]}],
    }
    mentions, written = rewrite(json.dumps(before), "pubannotation")
    assert [(one.text, one.problem) for one in mentions] == [("Breast cancer", ""), ("A-T", "")]
    assert written.count(b"biosyn_id") == 2


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (denotation(0, 99), "its span 0-99 lies outside the text"),
        (denotation(6, 6), "its span 6-6 lies outside the text"),
        (denotation(-2, 6), "lies outside the text"),
        (denotation("0", 6), "has no span with the numbers"),
        ({"id": "T1", "obj": "Disease"}, "has no span with the numbers"),
        ({"id": "T1", "span": [], "obj": "Disease"}, "has no span with the numbers"),
        (denotation(0, 6, biosyn_id="D1"), "already holds biosyn_id"),
    ],
)
def test_a_bad_denotation_is_named_and_stays(rewrite, bad, problem):
    mentions, written = rewrite(json.dumps(document(bad, denotation(29, 32))), "pubannotation")
    assert [bool(one.problem) for one in mentions] == [True, False]
    assert problem in mentions[0].problem
    assert json.loads(written)["denotations"][0] == bad


@pytest.mark.parametrize("bad", [{"denotations": []}, 3, {"text": 3}, {"text": "x", "denotations": [1]}])
def test_a_bad_document_is_named_and_stays(rewrite, bad):
    before = json.dumps([bad, document(denotation(29, 32))])
    mentions, written = rewrite(before, "pubannotation")
    assert [bool(one.problem) for one in mentions] == [True, False]
    assert json.loads(written)[0] == bad


@pytest.mark.parametrize(
    ("content", "said"), [("", "holds no document"), ("[]", "holds no document"), ("{", "is not Pub")]
)
def test_what_is_no_document_is_refused(rewrite, content, said):
    with pytest.raises(InputError, match=said):
        rewrite(content, "pubannotation")

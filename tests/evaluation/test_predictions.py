import json

import pytest

from biosyn.errors import InputError
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.evaluation.predictions import predictions_file_json, read_predictions
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction, ResolvedConcept


def found(mention, *cuis):
    return MentionPrediction(mention, tuple(Candidate(f"name {cui}", cui, 1.5, 1.0, 0.5) for cui in cuis))


PREDICTIONS = [
    QueryPrediction(Query("ataxia", "D1", "7", "0", "6", "Disease"), (found("ataxia", "D1", "D2|D9"),)),
    QueryPrediction(Query("a|b", "D1+D2", "8", "3", "9", "Disease"), (found("a", "D2", "D1"), found("b", "D3", "D4"))),
]


@pytest.fixture
def written(tmp_path):
    """Function: a change of the content -> the file with it."""

    def write(change=lambda content: content):
        content = predictions_file_json(PREDICTIONS, accuracy_at_k(PREDICTIONS, 2))
        path = tmp_path / "predictions_eval.json"
        path.write_text(json.dumps(change(content)), encoding="utf-8")
        return path

    return write


def test_what_is_written_is_read_but_for_the_type_and_the_plus_sign(written):
    # golden_cui is written with bars, as upstream does
    first, second = read_predictions(written())
    assert first == PREDICTIONS[0]._replace(query=PREDICTIONS[0].query._replace(type=""))
    assert second.query == Query("a|b", "D1|D2", "8", "3", "9")
    assert second.mentions == PREDICTIONS[1].mentions


def test_a_folder_stands_for_its_file(written):
    assert read_predictions(written().parent) == read_predictions(written())


def of_first_mention(content, **changes):
    content["queries"][0]["mentions"][0].update(changes)
    return content


def without_the_wrong_query(content):
    return {**content, "queries": content["queries"][:1]}


def with_another_figure(content):
    return {**content, "acc1": 1.0}


def without_a_figure(content):
    return {key: value for key, value in content.items() if key != "acc2"}


def with_another_candidate(content):
    content["queries"][0]["mentions"][0]["candidates"][0]["cui"] = "D5"
    return content


@pytest.mark.parametrize(
    "change", [without_the_wrong_query, with_another_figure, without_a_figure, with_another_candidate]
)
def test_figures_that_are_not_those_of_the_queries_are_refused(written, change):
    with pytest.raises(InputError, match="its acc. is .* it was changed after eval.py wrote it"):
        read_predictions(written(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: [],
        lambda content: {},
        lambda content: {**content, "queries": []},
        lambda content: {**content, "queries": [{"mentions": []}]},
        lambda content: {
            **content,
            "queries": [{"mentions": content["queries"][0]["mentions"]}],
        },  # no pmid: upstream's
        lambda content: {**content, "queries": "x"},
        lambda content: of_first_mention(content, candidates=[]),
        lambda content: of_first_mention(content, candidates=content["queries"][1]["mentions"][0]["candidates"][:1]),
        lambda content: of_first_mention(content, golden_cui=1),
        lambda content: of_first_mention(content, mention=None),
        lambda content: {**content, "queries": None},
    ],
)
def test_other_json_is_refused(written, change):
    with pytest.raises(InputError, match="is not a predictions_eval.json of ours: run eval.py --save_predictions"):
        read_predictions(written(change))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "predictions_eval.json").write_bytes(text)
    with pytest.raises(InputError, match="is not a predictions_eval.json"):
        read_predictions(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.json: cannot be read: No such file"):
        read_predictions(tmp_path / "none.json")


# -- the concept that the best name is resolved to

ATAXIA = ResolvedConcept("D1", "MESH:D1", "Ataxia", ("OMIM:208900",), "annotated 57 times", ("D1", "208900"))
OTHER = ResolvedConcept("D2", "MESH:D2", None, (), "never annotated", ("D2",))


def test_the_first_concept_is_written_after_the_known_keys_and_read():
    (mention,) = PREDICTIONS[0].mentions
    resolved = [PREDICTIONS[0]._replace(mentions=(mention._replace(resolved=(ATAXIA, OTHER)),))]
    content = json.loads(json.dumps(predictions_file_json(resolved, accuracy_at_k(resolved, 2))))
    (row,) = content["queries"][0]["mentions"]
    assert list(row) == ["mention", "golden_cui", "candidates", "concept"]
    assert row["concept"]["curie"] == "MESH:D1"


def test_it_is_read_again_and_older_files_have_none(written):
    concept = {**ATAXIA._asdict()}
    (read, other) = read_predictions(written(lambda content: of_first_mention(content, concept=concept)))
    assert read.mentions[0].resolved == (ATAXIA,)
    assert other.mentions[0].resolved == ()


@pytest.mark.parametrize("concept", [{}, [], None, {"id": "D1"}, {**ATAXIA._asdict(), "ids": None}])
def test_a_damaged_concept_is_refused(written, concept):
    with pytest.raises(InputError, match="is not a predictions_eval.json of ours"):
        read_predictions(written(lambda content: of_first_mention(content, concept=concept)))

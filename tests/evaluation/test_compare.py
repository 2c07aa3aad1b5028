import json

import pytest

from biosyn.errors import InputError
from biosyn.evaluation.compare import compare
from biosyn.evaluation.predictions import predictions_file_json
from biosyn.evaluation.protocols import accuracy_at_k
from biosyn.files import write_json
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction

QUERIES = [Query(f"mention {n}", f"D{n}", f"doc{n % 4}", str(n), str(n + 1)) for n in range(12)]


@pytest.fixture
def write_run(tmp_path):
    """Function: the rank of each query (0 for none), k -> predictions_eval.json."""

    def write(name, ranks, *, topk=5, queries=QUERIES):
        rows = [predicted(query, rank, topk) for query, rank in zip(queries, ranks, strict=True)]
        path = tmp_path / f"{name}.json"
        write_json(path, predictions_file_json(rows, accuracy_at_k(rows, topk)))
        return path

    return write


def predicted(query, rank, topk):
    cuis = [query.cui if place == rank else f"X{place}" for place in range(1, topk + 1)]
    candidates = tuple(Candidate(f"name of {cui}", cui, 1.0, 1.0, 0.0) for cui in cuis)
    return QueryPrediction(query, (MentionPrediction(query.mention, candidates),))


A = [1, 1, 1, 1, 1, 1, 2, 2, 0, 0, 0, 3]  # 6 right at 1, 9 at 5
B = [1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 0, 0]  # 9 right at 1, 10 at 5


def test_two_runs(write_run):
    found = compare([write_run("a", A)], [write_run("b", B)])
    assert (found["queries"], found["documents"], found["interval"]["drawn"]) == (12, 4, "query")
    at_1, at_5 = found["acc1"], found["acc5"]
    assert (at_1["a"], at_1["b"], at_1["difference"]) == (6 / 12, 9 / 12, 3 / 12)
    assert (at_5["a"], at_5["b"]) == (9 / 12, 10 / 12)
    # fixed at 1: 6, 7, 8, 9; broken: 4; p = 2 (1 + 5) / 2^5
    assert at_1["mcnemar"] == {"fixed": 4, "broken": 1, "p": 12 / 32}
    # fixed at 5: 8, 9; broken: 11
    assert at_5["mcnemar"] == {"fixed": 2, "broken": 1, "p": 1.0}
    assert at_1["low"] <= at_1["difference"] <= at_1["high"]


def test_the_mentions_fixed_and_broken_are_listed_with_both_answers(write_run):
    found = compare([write_run("a", A)], [write_run("b", B)])
    assert [row["mention"] for row in found["fixed"]] == ["mention 6", "mention 7", "mention 8", "mention 9"]
    assert found["broken"] == [
        {
            "mention": "mention 4",
            "cui": "D4",
            "pmid": "doc0",
            "start": "4",
            "a": ["name of D4"],
            "b": ["name of X1"],
        }
    ]


def test_swapping_the_runs_swaps_the_sign(write_run):
    a, b = write_run("a", A), write_run("b", B)
    there, back = compare([a], [b]), compare([b], [a])
    assert there["acc1"]["difference"] == -back["acc1"]["difference"]
    assert there["acc1"]["low"] == pytest.approx(-back["acc1"]["high"], abs=1e-9)
    assert there["acc1"]["mcnemar"]["p"] == back["acc1"]["mcnemar"]["p"]
    assert [row["mention"] for row in there["fixed"]] == [row["mention"] for row in back["broken"]]


def test_several_seeds_a_side(write_run):
    # right at 1: 6 and 7 of 12; 9, 10 and 11 of 12
    side_a = [write_run("a0", A), write_run("a1", [1] * 7 + [0] * 5)]
    side_b = [write_run("b0", B), write_run("b1", [1] * 10 + [0] * 2), write_run("b2", [1] * 11 + [0])]
    found = compare(side_a, side_b)
    assert found["acc1"]["a"] == pytest.approx((6 + 7) / 24)
    assert found["acc1"]["b"] == pytest.approx((9 + 10 + 11) / 36)
    seeds = found["acc1"]["seeds"]
    assert (seeds["a"], seeds["b"]) == ([6 / 12, 7 / 12], [9 / 12, 10 / 12, 11 / 12])
    assert seeds["welch"]["mean_b"] == pytest.approx(10 / 12)
    assert seeds["welch"]["sd_b"] == pytest.approx(1 / 12)  # 9, 10, 11: sd 1
    assert 0 < seeds["welch"]["p"] < 0.05
    assert not {"fixed", "broken"} & set(found)
    assert "mcnemar" not in found["acc1"]


def test_one_run_against_several_seeds_has_no_test_over_seeds(write_run, caplog):
    with caplog.at_level("INFO", logger="biosyn"):
        found = compare([write_run("a", A)], [write_run("b", B), write_run("c", A)])
    assert found["acc1"]["seeds"]["welch"] is None
    assert "no test over seeds" in caplog.text


def test_runs_of_other_k_are_compared_at_what_both_have(write_run):
    found = compare([write_run("a", [1] * 12, topk=1)], [write_run("b", B)])
    assert found["acc1"]["a"] == 1.0
    assert "acc5" not in found


def test_the_result_is_json(write_run):
    found = compare([write_run("a", A)], [write_run("b", B)])
    assert json.loads(json.dumps(found)) == found


# -- not the same queries


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda q: [q[0], q[1]._replace(cui="D99"), *q[2:]],
            r"query 2 is 'mention 1' \(D1\).* but 'mention 1' \(D99\)",
        ),
        (lambda q: [*q[:3], q[3]._replace(mention="other"), *q[4:]], "query 4 is 'mention 3'"),
        (lambda q: [q[0]._replace(pmid="doc9"), *q[1:]], "query 1 is .* of doc0:0 in .* of doc9:0"),
        (lambda q: [q[0]._replace(end="99"), *q[1:]], "query 1 is"),
        (lambda q: [q[1], q[0], *q[2:]], "query 1 is 'mention 0'"),
        (lambda q: q[:11], "12 queries in .*a.json, but 11 in .*b.json"),
    ],
)
def test_the_first_difference_is_named(write_run, change, message):
    queries = change(list(QUERIES))
    other = write_run("b", B[: len(queries)], queries=queries)
    with pytest.raises(InputError, match=message):
        compare([write_run("a", A)], [other])


def test_a_seed_of_other_queries_is_found_too(write_run):
    a = write_run("a", A)
    other = write_run("b1", B[:11], queries=QUERIES[:11])
    with pytest.raises(InputError, match="11 in .*b1.json"):
        compare([a], [write_run("b", B), other])


def test_a_side_without_a_run_is_refused(write_run):
    with pytest.raises(InputError, match="one run a side at least"):
        compare([write_run("a", A)], [])

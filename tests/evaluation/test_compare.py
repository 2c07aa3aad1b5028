import json
import random

import numpy as np
import pytest

from biosyn.errors import InputError
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.evaluation.compare import compare, mcnemar_exact, paired_difference, welch_test
from biosyn.evaluation.predictions import predictions_file_json
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction, ResolvedConcept
from biosyn.writing import write_json

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


# -- concepts


@pytest.fixture
def write_resolved(tmp_path):
    """Function: for each query whether the concept is right; the names are always right -> predictions_eval.json."""

    def write(name, right):
        rows = []
        for query, is_right in zip(QUERIES, right, strict=True):
            cuis = [query.cui, f"X{query.cui}"]
            concept = ResolvedConcept(
                cuis[not is_right], f"MESH:{cuis[not is_right]}", None, (), "", (cuis[not is_right],)
            )
            candidate = Candidate("shared name", "|".join(cuis), 1.0, 1.0, 0.0)
            rows.append(QueryPrediction(query, (MentionPrediction(query.mention, (candidate,), None, (concept,)),)))
        path = tmp_path / f"{name}.json"
        write_json(path, predictions_file_json(rows, accuracy_at_k(rows, 1)))
        return path

    return write


def test_the_concepts_that_names_are_resolved_to_are_compared(write_resolved):
    a, b = [True] * 6 + [False] * 6, [False] + [True] * 8 + [False] * 3
    found = compare([write_resolved("a", a)], [write_resolved("b", b)])
    assert found["acc1"]["difference"] == 0
    assert (found["fixed"], found["broken"]) == ([], [])
    strict = found["strict_acc1"]
    assert (strict["a"], strict["b"]) == (6 / 12, 8 / 12)
    assert strict["mcnemar"] == {"fixed": 3, "broken": 1, "p": 2 * 5 / 16}
    assert [row["mention"] for row in strict["fixed"]] == ["mention 6", "mention 7", "mention 8"]
    (broken,) = strict["broken"]
    assert (broken["a"], broken["b"]) == ([f"MESH:{QUERIES[0].cui}"], [f"MESH:X{QUERIES[0].cui}"])


def test_runs_without_concepts_are_compared_by_names_alone(write_run, write_resolved, caplog):
    with caplog.at_level("INFO", logger="biosyn"):
        found = compare([write_run("a", [1] * 12, topk=1)], [write_resolved("b", [True] * 12)])
    assert "strict_acc1" not in found
    assert "not every run has resolved concepts" in caplog.text


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


# -- the arithmetic


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [
        (0, 0, 1.0),  # no query differs
        (2, 3, 1.0),  # 2 (1 + 5 + 10) / 2^5, never above 1
        (1, 6, 16 / 128),  # 2 (1 + 7) / 2^7
        (6, 1, 16 / 128),
        (8, 2, 112 / 1024),  # 2 (1 + 10 + 45) / 2^10
    ],
)
def test_mcnemar(fixed, broken, p):
    assert mcnemar_exact(fixed, broken) == p


def test_mcnemar_of_many_queries():
    assert mcnemar_exact(43, 15) == pytest.approx(0.000307, abs=1e-6)
    assert 0 <= mcnemar_exact(5000, 100) < 1e-300


def test_welch():
    # A: mean 2, variance 1; B: mean 7, variance 8; s^2 = 1/3 + 8/2 = 13/3, t = 5 / sqrt(13/3)
    # degrees of freedom (13/3)^2 / ((1/3)^2 / 2 + 4^2 / 1) = (169/9) / (289/18) = 338/289
    found = welch_test([1.0, 2.0, 3.0], [5.0, 9.0])
    assert (found["mean_a"], found["mean_b"], found["sd_a"]) == (2.0, 7.0, 1.0)
    assert found["sd_b"] == pytest.approx(8**0.5)
    assert found["t"] == pytest.approx(5 / (13 / 3) ** 0.5)
    assert found["degrees_of_freedom"] == pytest.approx(338 / 289)
    assert (found["low"] + found["high"]) / 2 == pytest.approx(5)


def test_welch_of_one_degree_of_freedom_is_cauchy_s_distribution(recwarn):
    # A does not vary: s^2 = 2 / 2, t = 1, and B's one degree of freedom; P(|T| > 1) = 1/2, and 95 % lie within
    # tan(0.475 pi) = 12.7062
    found = welch_test([1.0, 1.0, 1.0], [1.0, 3.0])
    assert (found["t"], found["degrees_of_freedom"], found["p"]) == pytest.approx((1, 1, 0.5))
    assert (found["low"], found["high"]) == pytest.approx((1 - 12.7062, 1 + 12.7062), abs=1e-4)
    assert not recwarn.list


@pytest.mark.parametrize(("a", "b"), [([0.9], [0.8, 0.81]), ([0.9, 0.9], [0.8, 0.8])])
def test_seeds_that_cannot_vary_or_do_not_give_no_test(a, b):
    assert welch_test(a, b) is None


def test_the_difference_and_its_interval_equal_loops():
    chooser = random.Random(0)
    documents = [chooser.randrange(6) for _ in range(40)] + list(range(6))
    a, b = ([chooser.choice((0.0, 0.5, 1.0)) for _ in documents] for _ in "ab")
    differences = []
    for drawn in np.random.default_rng(0).integers(0, 6, (200, 6)).tolist():
        queries = [q for document in drawn for q in range(46) if documents[q] == document]
        differences.append((sum(b[q] for q in queries) - sum(a[q] for q in queries)) / len(queries))
    found = paired_difference(np.array(a), np.array(b), np.array(documents), resamples=200, seed=0)
    assert (found.a, found.b) == pytest.approx((sum(a) / 46, sum(b) / 46))
    assert found.difference == pytest.approx((sum(b) - sum(a)) / 46)
    # linear between the places 0.025 * 199 = 4.975 and 0.975 * 199 = 194.025 of the sorted ones
    ordered = sorted(differences)
    low, high = ordered[4] + 0.975 * (ordered[5] - ordered[4]), ordered[194] + 0.025 * (ordered[195] - ordered[194])
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_a_system_beside_itself_does_not_differ():
    right = np.array([1.0, 0.0, 1.0])
    assert tuple(paired_difference(right, right, np.arange(3)))[2:] == (0.0, 0.0, 0.0)


def test_paired_intervals_are_narrower_than_the_systems_own():
    # the two agree on 90 of 100 queries: what they share does not count
    a, b = np.repeat([1.0, 0.0], 50), np.repeat([1.0, 0.0], [60, 40])
    found = paired_difference(a, b, np.arange(100))
    assert found.low > 0.03
    assert found.high < 0.17

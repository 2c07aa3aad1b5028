from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.evaluation.reliability import (
    answer_measures,
    area_under_risk,
    confidence_json,
    expected_calibration_error,
    reliability_table,
    risk_coverage,
)

outcomes = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(outcomes)
def test_the_table_equals_a_naive_computation(rows):
    bins = {}
    for probability, right in rows:
        bins.setdefault(9 if probability == 1 else int(probability * 10), []).append((probability, right))
    table = reliability_table(*zip(*rows, strict=True))
    assert [(row.low, row.high, row.size) for row in table] == [
        (number / 10, (number + 1) / 10, len(bins[number])) for number in sorted(bins)
    ]
    for row, number in zip(table, sorted(bins), strict=True):
        assert row.probability == pytest.approx(sum(p for p, _ in bins[number]) / len(bins[number]))
        assert row.right == pytest.approx(sum(r for _, r in bins[number]) / len(bins[number]))
    # every mention adds the distance of its bin
    naive = sum(
        abs(sum(p for p, _ in bins[n]) / len(bins[n]) - sum(r for _, r in bins[n]) / len(bins[n]))
        for n in bins
        for _ in bins[n]
    )
    assert expected_calibration_error(table) == pytest.approx(naive / len(rows))


def test_true_probabilities_have_a_small_error():
    draw = np.random.default_rng(0)
    probabilities = draw.random(20_000)
    table = reliability_table(probabilities, draw.random(20_000) < probabilities)
    assert expected_calibration_error(table) < 0.015
    assert expected_calibration_error(reliability_table(probabilities, draw.random(20_000) < probabilities**3)) > 0.2


@pytest.mark.parametrize(("probabilities", "right"), [([], []), ([0.5], []), ([0.5], [True, False])])
def test_a_probability_needs_its_outcome(probabilities, right):
    with pytest.raises(ValueError, match="for outcomes"):
        reliability_table(probabilities, right)


# -- risk over coverage, and answers

confidences = st.lists(
    st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40
)


@given(confidences)
def test_each_point_equals_answering_by_its_threshold(rows):
    points = risk_coverage(*zip(*rows, strict=True))
    assert [point.threshold for point in points] == sorted({confidence for confidence, _ in rows}, reverse=True)
    for point in points:
        answered = [right for confidence, right in rows if confidence >= point.threshold]
        assert point.coverage == pytest.approx(len(answered) / len(rows))
        assert point.risk == pytest.approx(answered.count(False) / len(answered))


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6))
def test_the_area_is_the_mean_over_all_orders_of_equal_confidences(rows):
    areas = []
    for order in permutations(rows):
        if [confidence for confidence, _ in order] == sorted((c for c, _ in rows), reverse=True):
            risks = [[r for _, r in order[:n]].count(False) / n for n in range(1, len(rows) + 1)]
            areas.append(sum(risks) / len(risks))
    assert area_under_risk(*zip(*rows, strict=True)) == pytest.approx(sum(areas) / len(areas))


def test_a_perfect_order_has_the_smallest_area():
    right = [True] * 8 + [False] * 2
    sure = np.linspace(1, 0, 10)
    # errors last: (1/9 + 2/10) / 10; errors first: the mean of 1, 1, 2/3, 2/4 ... 2/10
    assert area_under_risk(sure, right) == pytest.approx((1 / 9 + 2 / 10) / 10)
    assert area_under_risk(sure, right[::-1]) == pytest.approx((1 + sum(2 / n for n in range(2, 11))) / 10)


triples = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=30)


@given(triples)
def test_answers_equal_a_naive_computation(rows):
    rows = [(answered, right and not nil, nil) for answered, right, nil in rows]
    measures = answer_measures(*np.array(rows, dtype=bool).T)
    said_nil = [nil for answered, _, nil in rows if not answered]
    are_nil = [answered for answered, _, nil in rows if nil]
    said = [right for answered, right, _ in rows if answered]
    expected = {
        "coverage": [answered for answered, _, _ in rows],
        "accuracy_answered": said,
        "accuracy": [right if answered else nil for answered, right, nil in rows],
        "nil_precision": said_nil,
        "nil_recall": [not answered for answered in are_nil],
    }
    assert set(measures) == {name for name, values in expected.items() if values}
    for name, found in measures.items():
        counted = found.values[found.members]
        assert len(counted) == len(expected[name])
        assert counted.sum() == sum(expected[name])


@pytest.mark.parametrize("seed", range(2))
def test_a_probability_of_the_concept_is_held_against_the_concept(naive, world, seed):
    made = world(seed)
    outcomes, rows = made.outcomes(), made.as_plain_rows()
    predictions = [
        found._replace(mentions=tuple(m._replace(probability=0.75) for m in found.mentions))
        for found in made.resolved()
    ]
    right = [
        bool((candidates[0][0] & candidates[0][2]) & naive.ids_of(row["cui"]))
        for row in rows
        for candidates in row["found"]
    ]
    found = confidence_json(predictions, outcomes, of="concept")
    assert found["of"] == "concept"
    assert found["reliability"][0]["right"] == pytest.approx(sum(right) / len(right))
    assert found["risk_coverage"][-1]["risk"] == pytest.approx(1 - sum(map(naive.strict, rows)) / len(rows))
    by_name = confidence_json(predictions, outcomes, of="name")
    assert by_name["of"] == confidence_json(predictions, replace(outcomes, strict=None), of="concept")["of"] == "name"
    assert by_name["risk_coverage"][-1]["risk"] == pytest.approx(1 - (outcomes.ranks == 1).mean())

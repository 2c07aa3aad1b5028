import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.evaluation.reliability import expected_calibration_error, reliability_table

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
    promised = draw.random(20_000)
    table = reliability_table(promised, draw.random(20_000) < promised)
    assert expected_calibration_error(table) < 0.015
    assert expected_calibration_error(reliability_table(promised, draw.random(20_000) < promised**3)) > 0.2


@pytest.mark.parametrize(("probabilities", "right"), [([], []), ([0.5], []), ([0.5], [True, False])])
def test_a_promise_needs_its_outcome(probabilities, right):
    with pytest.raises(ValueError, match="for outcomes"):
        reliability_table(probabilities, right)

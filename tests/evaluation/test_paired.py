import random
from itertools import product

import numpy as np
import pytest

from biosyn.evaluation.compare import mcnemar_exact, paired_difference


@pytest.mark.parametrize(("fixed", "broken"), [(b, c) for b in range(6) for c in range(6)])
def test_mcnemar_equals_counting_every_outcome(fixed, broken):
    # each of the b + c queries falls to either side: count the outcomes at least as one-sided as the one seen
    n = fixed + broken
    outcomes = [abs(2 * sum(sides) - n) for sides in product((0, 1), repeat=n)]
    p = sum(side >= abs(fixed - broken) for side in outcomes) / len(outcomes)
    assert mcnemar_exact(fixed, broken) == pytest.approx(p)


def test_mcnemar_has_no_side_and_no_limit():
    assert mcnemar_exact(43, 15) == mcnemar_exact(15, 43) == pytest.approx(0.000307, abs=1e-6)
    assert 0 <= mcnemar_exact(5000, 100) < 1e-300
    assert mcnemar_exact(0, 0) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_difference_and_its_interval_equal_loops(naive, seed):
    chooser = random.Random(seed)
    documents = [chooser.randrange(6) for _ in range(40)] + list(range(6))
    a, b = ([chooser.choice((0.0, 0.5, 1.0)) for _ in documents] for _ in "ab")
    draws = np.random.default_rng(seed).integers(0, 6, (200, 6)).tolist()
    differences = []
    for drawn in draws:
        queries = [q for document in drawn for q in range(46) if documents[q] == document]
        differences.append((sum(b[q] for q in queries) - sum(a[q] for q in queries)) / len(queries))
    differences.sort()
    found = paired_difference(np.array(a), np.array(b), np.array(documents), resamples=200, seed=seed)
    assert (found.a, found.b) == pytest.approx((sum(a) / 46, sum(b) / 46))
    assert found.difference == pytest.approx((sum(b) - sum(a)) / 46)
    expected = naive.percentile(differences, 0.025), naive.percentile(differences, 0.975)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)


def test_a_system_beside_itself_does_not_differ():
    right = np.array([1.0, 0.0, 1.0])
    assert tuple(paired_difference(right, right, np.arange(3)))[2:] == (0.0, 0.0, 0.0)


def test_paired_intervals_are_narrower_than_the_systems_own():
    # the two agree on 90 of 100 queries: what they share does not count
    a, b = np.repeat([1.0, 0.0], 50), np.repeat([1.0, 0.0], [60, 40])
    found = paired_difference(a, b, np.arange(100))
    assert found.low > 0.03
    assert found.high < 0.17

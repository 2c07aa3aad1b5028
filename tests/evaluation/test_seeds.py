import math

import pytest

from biosyn.evaluation.compare import welch_test

SAMPLES = [
    ([0.8979, 0.9042, 0.9042], [0.8760, 0.8771, 0.8708]),
    ([0.90, 0.91], [0.88, 0.89, 0.93, 0.90]),
    ([1.0, 2.0, 3.0], [3.0, 4.0, 5.0]),
]


def t_density(x, freedom):
    scale = math.gamma((freedom + 1) / 2) / (math.gamma(freedom / 2) * math.sqrt(freedom * math.pi))
    return scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)


def within(t, freedom, steps=20_000):
    """The probability between -t and t, by Simpson's rule."""
    width = t / steps
    weights = (1 if n in (0, steps) else 4 if n % 2 else 2 for n in range(steps + 1))
    return 2 * width / 3 * sum(weight * t_density(n * width, freedom) for n, weight in enumerate(weights))


@pytest.mark.parametrize(("a", "b"), SAMPLES)
def test_welch_equals_the_formula_written_out(a, b):
    means = [sum(side) / len(side) for side in (a, b)]
    variances = [sum((x - m) ** 2 for x in side) / (len(side) - 1) for side, m in zip((a, b), means, strict=True)]
    parts = [v / len(side) for v, side in zip(variances, (a, b), strict=True)]
    freedom = sum(parts) ** 2 / sum(p**2 / (len(side) - 1) for p, side in zip(parts, (a, b), strict=True))
    t = (means[1] - means[0]) / math.sqrt(sum(parts))
    found = welch_test(a, b)
    assert (found.mean_a, found.mean_b) == pytest.approx(tuple(means))
    assert (found.sd_a, found.sd_b) == pytest.approx(tuple(math.sqrt(v) for v in variances))
    assert (found.t, found.degrees_of_freedom) == pytest.approx((t, freedom))
    assert found.p == pytest.approx(1 - within(abs(t), freedom), abs=1e-8)


@pytest.mark.parametrize(("a", "b"), SAMPLES)
def test_the_interval_holds_95_percent_of_t(a, b):
    found = welch_test(a, b)
    error = (found.mean_b - found.mean_a) / found.t
    assert (found.low + found.high) / 2 == pytest.approx(found.mean_b - found.mean_a)
    reach = (found.high - found.low) / 2 / abs(error)
    assert within(reach, found.degrees_of_freedom) == pytest.approx(0.95, abs=1e-8)


def test_one_seed_does_not_vary():
    with pytest.raises(ValueError, match="two seeds a side"):
        welch_test([0.9], [0.8, 0.81])


def test_seeds_that_do_not_vary_at_all_give_no_test():
    assert welch_test([0.9, 0.9], [0.8, 0.8]) is None

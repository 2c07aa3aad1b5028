"""Two systems trained with several seeds each: mean, standard deviation, and Welch's t-test over the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from biosyn.metrics.bootstrap import LEVEL


@dataclass(frozen=True)
class SeedTest:
    """Welch's test of two samples of accuracies, and the interval of the difference B minus A."""

    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    t: float
    degrees_of_freedom: float
    p: float
    low: float
    high: float


def welch_test(a: Sequence[float], b: Sequence[float]) -> SeedTest | None:
    """Test whether two systems differ by more than their seeds do; None where both do not vary at all.

    t = (mean b - mean a) / s, s^2 = sd_a^2 / n_a + sd_b^2 / n_b, with n - 1 in the sd, and degrees of freedom
    s^4 / ((sd_a^2 / n_a)^2 / (n_a - 1) + (sd_b^2 / n_b)^2 / (n_b - 1)). Source: Welch, Biometrika 1947.

    It takes the accuracies of seeds for normally distributed, and tells about other seeds on the same test set, not
    about other documents. With three seeds a side it sees only large differences.

    Raises
    ------
    ValueError
        If a side has fewer than two seeds: one does not vary.

    Examples
    --------
    >>> found = welch_test([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])  # s^2 = 1/3 + 1/3, t = 2 / sqrt(2/3)
    >>> round(found.t, 4), found.degrees_of_freedom, round(found.p, 4)
    (2.4495, 4.0, 0.0705)
    """
    from scipy import stats  # here: nothing else in the package needs it

    if min(len(a), len(b)) < 2:
        raise ValueError("two seeds a side at least")
    part_a, part_b = stdev(a) ** 2 / len(a), stdev(b) ** 2 / len(b)
    variance = part_a + part_b
    if variance == 0:
        return None
    freedom = variance**2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    difference, error = fmean(b) - fmean(a), variance**0.5
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    t = difference / error
    p = 2 * float(stats.t.sf(abs(t), freedom))
    return SeedTest(fmean(a), fmean(b), stdev(a), stdev(b), t, freedom, p, difference - reach, difference + reach)

import numpy as np
import pytest

from biosyn.evaluation.figures import Figure, Measure, figures_of

YES = np.ones(4, dtype=np.bool_)
UNITS = np.array([0, 0, 1, 2])


def test_the_value_is_the_total_by_the_denominator():
    assert Figure(841.0, 960, 0.85, 0.9).value == 841 / 960 == 0.8760416666666667


def test_whole_totals_are_written_as_counts_and_others_as_they_are():
    assert str(Figure(3.0, 4, 0.5, 1.0).to_json()["total"]) == "3"
    assert str(Figure(3.5, 4, 0.5, 1.0).to_json()["total"]) == "3.5"


@pytest.mark.parametrize(("total", "of"), [(0, 0), (1, 0), (5, 4), (-1, 4), (float("nan"), 4), (1, -1)])
def test_a_share_above_all_or_of_nothing_is_refused(total, of):
    with pytest.raises(ValueError, match="no share"):
        Figure(total, of, 0.0, 1.0)


@pytest.mark.parametrize(("low", "high"), [(0.9, 0.1), (-0.1, 0.5), (0.5, 1.1), (float("nan"), float("nan"))])
def test_an_interval_beyond_the_shares_is_refused(low, high):
    with pytest.raises(ValueError, match="no interval"):
        Figure(1, 4, low, high)


@pytest.mark.parametrize(
    ("values", "members", "message"),
    [
        (np.ones(3), YES, "not of the same queries"),
        (np.ones((4, 1)), YES[:, None], "not of the same queries"),
        (np.array([1.0, 2.0, 0.0, 0.0]), YES, "between 0 and 1"),
        (np.array([1.0, np.nan, 0.0, 0.0]), YES, "between 0 and 1"),
        (np.ones(4), ~YES, "a share of no queries"),
        (np.ones(4), np.arange(4), "members must say yes or no"),  # row numbers are no mask
    ],
)
def test_a_measure_of_other_queries_or_of_none_is_refused(values, members, message):
    with pytest.raises(ValueError, match=message):
        Measure(values, members)


def test_a_measure_of_fewer_queries_than_there_are_is_refused():
    with pytest.raises(ValueError, match="acc1: 4 values of 5 queries"):
        figures_of({"acc1": Measure(np.ones(4), YES)}, np.arange(5))


def test_the_denominator_is_the_number_of_members():
    members = np.array([True, True, False, True])
    figure = figures_of({"acc1": Measure(np.array([1.0, 0.0, 1.0, 1.0]), members)}, UNITS)["acc1"]
    assert (figure.total, figure.of) == (2.0, 3)  # the third query is right, and no member


def test_no_measures_are_no_figures():
    assert figures_of({}, UNITS) == {}

import math

import numpy as np
import pytest

from biosyn.evaluation.intervals import (
    Figure,
    Measure,
    figures_of,
    interval_json,
    percentile_interval,
    resample_counts,
    resampled_ratios,
    sampling_units,
)

YES = np.ones(4, dtype=np.bool_)
UNITS = np.array([0, 0, 1, 2])


def test_the_value_is_the_total_by_the_denominator():
    assert Figure(841.0, 960, 0.85, 0.9).value == 841 / 960 == 0.8760416666666667


def test_whole_totals_are_written_as_counts_and_others_as_they_are():
    assert str(Figure(3.0, 4, 0.5, 1.0).to_json()["total"]) == "3"
    assert str(Figure(3.5, 4, 0.5, 1.0).to_json()["total"]) == "3.5"


@pytest.mark.parametrize(("total", "of"), [(0, 0), (1, 0), (5, 4), (-1, 4), (float("nan"), 4), (1, -1)])
def test_a_fraction_above_1_or_of_nothing_is_refused(total, of):
    with pytest.raises(ValueError, match="not a fraction"):
        Figure(total, of, 0.0, 1.0)


@pytest.mark.parametrize(("low", "high"), [(0.9, 0.1), (-0.1, 0.5), (0.5, 1.1), (float("nan"), float("nan"))])
def test_an_interval_outside_0_and_1_is_refused(low, high):
    with pytest.raises(ValueError, match="not an interval"):
        Figure(1, 4, low, high)


@pytest.mark.parametrize(
    ("values", "members", "message"),
    [
        (np.ones(3), YES, "not of the same queries"),
        (np.ones((4, 1)), YES[:, None], "not of the same queries"),
        (np.array([1.0, 2.0, 0.0, 0.0]), YES, "between 0 and 1"),
        (np.array([1.0, np.nan, 0.0, 0.0]), YES, "between 0 and 1"),
        (np.ones(4), ~YES, "at least one query"),
        (np.ones(4), np.arange(4), "members must be bool"),  # row numbers are no mask
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


# -- bootstrap

VALUES = np.array([[1.0], [0.0], [1.0], [1.0], [0.0], [1.0], [1.0]])
DOCUMENTS = np.array([0, 0, 0, 1, 1, 2, 3])


def test_each_resample_draws_as_many_documents_as_there_are():
    counts = np.concatenate(list(resample_counts(5, resamples=100)))
    assert counts.shape == (100, 5)
    assert (counts.sum(axis=1) == 5).all()


def test_blocks_are_the_same_draws_as_one_array(monkeypatch):
    whole = np.concatenate(list(resample_counts(4, resamples=50)))
    monkeypatch.setattr("biosyn.evaluation.intervals._DRAWS_AT_A_TIME", 12)  # three resamples at a time
    blocks = list(resample_counts(4, resamples=50))
    assert len(blocks) == 17
    assert np.array_equal(np.concatenate(blocks), whole)


def test_the_same_seed_draws_the_same_documents_and_another_others():
    def ratios(seed):
        return resampled_ratios(VALUES, np.ones_like(VALUES), DOCUMENTS, resamples=50, seed=seed)

    assert np.array_equal(ratios(0), ratios(0))
    assert not np.array_equal(ratios(0), ratios(1))


def test_ratios_equal_those_of_the_queries_drawn_written_out():
    sizes = np.array([[1.0], [1.0], [0.0], [1.0], [1.0], [1.0], [0.0]])
    draws = np.random.default_rng(7).integers(0, 4, (40, 4)).tolist()
    found = resampled_ratios(VALUES * sizes, sizes, DOCUMENTS, resamples=40, seed=7)[:, 0].tolist()
    for ratio, documents in zip(found, draws, strict=True):
        queries = [q for document in documents for q in range(7) if DOCUMENTS[q] == document and sizes[q, 0]]
        if not queries:
            assert math.isnan(ratio)
        else:
            assert ratio == pytest.approx(sum(VALUES[q, 0] for q in queries) / len(queries))


def test_a_resample_without_a_query_of_the_figure_is_left_out():
    samples = np.array([[0.25], [np.nan], [0.75]])
    assert percentile_interval(samples, level=1.0)[:, 0].tolist() == [0.25, 0.75]


def test_the_interval_of_independent_queries_is_that_of_the_normal_distribution():
    # 900 of 1,000: p +- 1.96 sqrt(p q / n) = 0.9 +- 0.0186
    values = np.repeat([1.0, 0.0], [900, 100])[:, None]
    low, high = percentile_interval(resampled_ratios(values, np.ones_like(values), np.arange(1000)))[:, 0]
    assert low == pytest.approx(0.9 - 0.0186, abs=0.002)
    assert high == pytest.approx(0.9 + 0.0186, abs=0.002)


def test_documents_whose_queries_are_alike_widen_the_interval():
    # 100 documents of 10 queries, all right or all wrong: as uncertain as 100 queries
    values = np.repeat([1.0, 0.0], [900, 100])[:, None]
    low, high = percentile_interval(resampled_ratios(values, np.ones_like(values), np.arange(1000) // 10))[:, 0]
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(0.9 * 0.1 / 100), abs=0.01)


@pytest.mark.parametrize(("documents", "drawn"), [(1, "query"), (9, "query"), (10, "document")])
def test_queries_are_drawn_where_documents_are_few(documents, drawn):
    of_query = [str(number % documents) for number in range(40)]
    n_units = len(set(sampling_units(of_query).tolist()))
    assert (n_units, interval_json(of_query)["drawn"]) == ({"query": 40, "document": documents}[drawn], drawn)

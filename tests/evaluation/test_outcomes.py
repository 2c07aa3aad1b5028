"""Every figure against a second, naive computation; and attempts at a wrong denominator, which fail."""

from dataclasses import replace

import numpy as np
import pytest

from biosyn.evaluation.outcomes import metrics_json, metrics_table
from biosyn.evaluation.slices import Slice

SEEDS = range(4)
RESAMPLES = 300


def plain_train(world):
    return [{"mention": query.mention, "cui": query.cui} for query in world.train]


def naive_columns(naive, world, topk=6):
    ids = {cui for line in world.dictionary.cuis for cui in line.split("|")}
    return naive.columns(world.as_plain_rows(), plain_train(world), topk, ids)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_figure_equals_a_naive_computation(naive, world, seed):
    made = world(seed)
    figures, expected = made.outcomes().figures(resamples=10), naive_columns(naive, made)
    assert set(figures) == set(expected)
    for key, values in expected.items():
        assert figures[key].of == sum(value is not None for value in values), key
        assert figures[key].value == pytest.approx(naive.mean(values), abs=1e-12), key


@pytest.mark.parametrize("seed", SEEDS)
def test_every_interval_equals_a_naive_computation(naive, world, seed):
    made = world(seed)
    documents = [query.pmid for query in made.queries]
    # the same draws; what is done with them is written out in loops
    draws = np.random.default_rng(3).integers(0, len(set(documents)), (RESAMPLES, len(set(documents)))).tolist()
    figures = made.outcomes().figures(resamples=RESAMPLES, seed=3)
    for key, values in naive_columns(naive, made).items():
        low, high = naive.interval(values, documents, draws)
        assert (figures[key].low, figures[key].high) == pytest.approx((low, high), abs=1e-9), key


@pytest.mark.parametrize("seed", SEEDS)
def test_the_labels_of_a_slice_divide_the_queries(world, seed):
    figures = world(seed).outcomes().figures(resamples=10)
    slices = {key[1] for key in figures if key[0] == "slices"}
    assert slices == {"composite", "tokens", "abbreviation", "homonym", "mention", "concept"}
    for name in slices:
        parts = [figure for key, figure in figures.items() if key[:2] == ("slices", name) and key[-1] == "acc1"]
        assert sum(part.of for part in parts) == 60
        assert sum(part.total for part in parts) == figures["protocols", "lenient", "acc1"].total


def test_the_worlds_have_every_kind_of_query(naive, world):
    found = {key[1:3] for seed in SEEDS for key in naive_columns(naive, world(seed)) if key[0] == "slices"}
    for name, labels in (
        ("composite", ("no", "cut", "uncut")),
        ("tokens", ("1", "2", "3", "5+")),
        ("abbreviation", ("none", "expanded", "kept")),
        ("homonym", ("yes", "no")),
        ("mention", ("seen", "unseen")),
        ("concept", ("seen", "unseen", "none")),
    ):
        assert {(name, label) for label in labels} <= found


def test_the_json_has_every_figure_with_its_denominator_and_interval(world):
    outcomes = world(0).outcomes()
    figures = outcomes.figures(resamples=50)
    written = metrics_json(outcomes, figures)
    assert (written["queries"], written["documents"], written["topk"], written["left_out"]) == (60, 12, 6, {})
    assert written["interval"]["drawn"] == "document"
    for key, figure in figures.items():
        found = written
        for part in key:
            found = found[part]
        assert found == {
            "value": figure.value,
            "total": figure.total,
            "of": figure.of,
            "low": figure.low,
            "high": figure.high,
        }


def test_the_table_has_each_denominator_and_what_was_left_out(world):
    outcomes = world(0).outcomes(train_dirs=[])
    lines = metrics_table(outcomes, outcomes.figures(resamples=50))
    (row,) = (line for line in lines if line.startswith("lenient acc1 "))
    assert row.split()[-1] == "60"
    assert lines[-1] == "left out: refined, mention, concept (no --train_dir)"
    assert not [line for line in lines if line.startswith("refined")]


# -- attempts at a wrong denominator


def test_a_dropped_query_is_refused(world):
    made = world(0)
    with pytest.raises(ValueError, match="59 predictions of 60 queries"):
        made.outcomes(predictions=made.predictions[1:])


def test_a_query_that_comes_twice_in_anothers_place_is_refused(world):
    made = world(0)
    with pytest.raises(ValueError, match="prediction 1 is not of query 1"):
        made.outcomes(predictions=[made.predictions[0], *made.predictions[:1], *made.predictions[2:]])


def test_predictions_in_another_order_are_refused(world):
    made = world(0)
    with pytest.raises(ValueError, match="prediction 0 is not of query 0"):
        made.outcomes(predictions=made.predictions[::-1])


def test_a_query_without_mentions_is_refused(world):
    made = world(0)
    empty = made.predictions[5]._replace(mentions=())
    with pytest.raises(ValueError, match="prediction 5"):
        made.outcomes(predictions=[*made.predictions[:5], empty, *made.predictions[6:]])


def test_a_part_of_a_composite_query_cannot_be_left_out(world):
    made = world(0)
    row, found = next((row, p) for row, p in enumerate(made.predictions) if len(p.mentions) > 1)
    cut = found._replace(mentions=found.mentions[:1])
    with pytest.raises(ValueError, match=f"prediction {row} is not of query {row}"):
        made.outcomes(predictions=[*made.predictions[:row], cut, *made.predictions[row + 1 :]])


def test_a_mention_with_fewer_candidates_is_refused(world):
    made = world(0)
    mention = made.predictions[0].mentions[0]
    short = made.predictions[0]._replace(mentions=(mention._replace(candidates=mention.candidates[:3]),))
    with pytest.raises(ValueError, match="does not have 6 candidates"):
        made.outcomes(predictions=[short, *made.predictions[1:]])


@pytest.mark.parametrize("part", ["ranks", "in_topk", "in_dictionary", "strict", "strict_unresolved", "refined"])
def test_outcomes_of_fewer_queries_are_refused(world, part):
    outcomes = world(0).outcomes()
    with pytest.raises(ValueError, match=part):
        replace(outcomes, **{part: getattr(outcomes, part)[:-1]})


def test_a_slice_of_fewer_queries_is_refused(world):
    outcomes = world(0).outcomes()
    with pytest.raises(ValueError, match="slice tokens: 59 labels for 60 queries"):
        replace(outcomes, slices=(Slice("tokens", ("1",) * 59),))


def test_no_queries_are_no_outcomes(world):
    with pytest.raises(ValueError, match="no queries"):
        replace(world(0).outcomes(), documents=())


@pytest.mark.parametrize(
    ("part", "value", "rule"),
    [
        ("ranks", 7, "ranks are between 0 and K"),
        ("ranks", -1, "ranks are between 0 and K"),
        ("in_topk", False, "a hit is in the top K"),
        ("in_dictionary", False, "what is found is in the dictionary"),
        ("strict", True, "a strict hit is a lenient one"),
        ("strict_unresolved", True, "a name of one concept is resolved to it"),
    ],
)
def test_outcomes_that_contradict_each_other_are_refused(world, part, value, rule):
    outcomes = world(0).outcomes()
    place = np.flatnonzero(outcomes.ranks == (0 if part.startswith("strict") else 1))[0]
    changed = getattr(outcomes, part).copy()
    changed[place] = value
    with pytest.raises(ValueError, match=rule):
        replace(outcomes, **{part: changed})

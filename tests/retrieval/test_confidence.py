import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosyn.errors import InputError
from biosyn.records import Candidate
from biosyn.retrieval.confidence import OF_CONCEPT, OF_NAME, Calibration, Features, features_of, is_unsure, sigmoid


def candidates(*rows):
    return [Candidate(name, cui, score, score, 0.0) for name, cui, score in rows]


scores = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=20).map(
    lambda values: sorted(values, reverse=True)
)
found = scores.flatmap(
    lambda values: st.tuples(
        *(st.builds(lambda cui, v=v: ("name", cui, v), st.sampled_from(["A", "B", "A|B", "C"])) for v in values)
    )
)


@given(found)
def test_features_equal_a_naive_computation(rows):
    features = features_of("mention", candidates(*rows))
    ids = set(rows[0][1].split("|"))
    own = [score for _, cui, score in rows if ids & set(cui.split("|"))]
    others = [score for _, cui, score in rows if not ids & set(cui.split("|"))] or [rows[-1][2]]
    assert features.score == rows[0][2]
    assert features.gap == rows[0][2] - others[0]
    expected = math.log(sum(math.exp(score) for score in own) / sum(math.exp(score) for score in others))
    assert features.log_odds == pytest.approx(expected, abs=1e-9)


@given(found, st.floats(-20, 20))
def test_gap_and_share_do_not_depend_on_where_the_scores_lie(rows, shift):
    moved = [(name, cui, score + shift) for name, cui, score in rows]
    here, there = features_of("m", candidates(*rows)), features_of("m", candidates(*moved))
    assert there.gap == pytest.approx(here.gap, abs=1e-9)
    assert there.log_odds == pytest.approx(here.log_odds, abs=1e-9)


def test_other_names_of_the_best_concept_are_no_rivals():
    # one concept by the shared id, whichever id it is: the rival is asthma
    rows = candidates(("ataxia", "D1|2", 5.0), ("at", "2", 4.5), ("asthma", "D3", 2.0))
    assert features_of("x", rows).gap == 3.0


@pytest.mark.parametrize(("text", "exact"), [("ataxia", 1.0), ("ataxias", 0.0)])
def test_an_exact_match_is_a_feature(text, exact):
    assert features_of(text, candidates(("ataxia", "D1", 1.0))).exact == exact


def test_candidates_beyond_the_depth_change_nothing():
    model = Calibration(0.0, Features(0.1, 0.2, 0.3, 0.4))
    rows = candidates(*((f"n{row}", f"D{row}", 30.0 - row) for row in range(40)))
    assert model.probability("m", rows) == model.probability("m", rows[:20])


def test_a_calibration_survives_json():
    model = Calibration(-1.5, Features(0.1, 0.2, 1 / 3, 0.4), {"queries": {"name": "processed_dev"}})
    assert Calibration.from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize(
    "change",
    [
        {"intercept": "x"},
        {"intercept": float("nan")},
        {"weights": {"score": 1.0}},
        {"weights": {"score": 1, "gap": 1, "log_odds": 1, "exact": float("inf")}},
        {"weights": {"score": 1, "gap": 1, "log_odds": 1, "exact": 1, "more": 1}},
        {"weights": [1, 2, 3, 4]},
        {"fitted_on": 3},
    ],
)
def test_something_else_is_no_calibration(change):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Calibration.from_json({**Calibration(0.0, Features(1, 1, 1, 1)).to_json(), **change})


@given(st.floats(-1e6, 1e6))
def test_the_sigmoid_is_a_probability_and_its_mirror_image_the_complement(value):
    assert 0 <= sigmoid(value) <= 1
    assert sigmoid(value) + sigmoid(-value) == pytest.approx(1)


def test_without_a_probability_nothing_reaches_a_threshold():
    assert is_unsure(None, 0.0)
    assert not is_unsure(None, None)


def test_a_calibration_of_an_earlier_version_is_one_of_names():
    written = Calibration(0.5, Features(0.1, 0.2, 0.3, 0.4), {"ece": 0.1}, OF_CONCEPT).to_json()
    assert Calibration.from_json(written).of == OF_CONCEPT
    older = {key: value for key, value in written.items() if key != "of"}
    assert Calibration.from_json(older).of == OF_NAME
    with pytest.raises(ValueError, match="of is 'x'"):
        Calibration.from_json({**written, "of": "x"})


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_calibration_holds_finite_numbers_alone(number):
    with pytest.raises(ValueError, match="not a finite number"):
        Calibration(number, Features(1.0, 1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="not a finite number"):
        Calibration(0.0, Features(1.0, number, 1.0, 1.0))


def test_a_probability_that_is_no_number_is_an_input_error():
    model = Calibration(0.0, Features(1e308, 0.0, -1e308, 0.0))
    assert model.log_odds(Features(1.0, 0.0, 0.0, 0.0)) == 1e308
    with pytest.raises(InputError, match="the calibration gives no probability"):
        model.log_odds(Features(100.0, 0.0, 100.0, 0.0))  # inf - inf

import math
import random

import pytest

from biosyn.errors import InputError
from biosyn.evaluation.calibrate import Sample, cross_validated, fit, reliability_json, samples_of
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction, ResolvedConcept
from biosyn.retrieval.confidence import Features, sigmoid


def made_up(seed, *, documents=40, mentions=25):
    """Samples whose true log-odds are -2 + 0.5 gap + 2 exact; the score tells nothing."""
    chooser = random.Random(seed)
    samples = []
    for number in range(documents * mentions):
        gap, exact = chooser.uniform(0, 10), float(chooser.random() < 0.3)
        features = Features(chooser.uniform(20, 70), gap, min(gap, 10.0) + chooser.gauss(0, 1), exact)
        samples.append(Sample(f"d{number % documents}", features, chooser.random() < sigmoid(-2 + gap / 2 + 2 * exact)))
    return samples


def test_the_fit_finds_the_true_probabilities():
    model = fit(made_up(0))
    for sample in made_up(1)[:200]:
        truth = sigmoid(-2 + sample.features.gap / 2 + 2 * sample.features.exact)
        assert sigmoid(model.log_odds(sample.features)) == pytest.approx(truth, abs=0.12)


def test_the_fit_is_where_a_naive_penalized_likelihood_is_flat():
    samples = made_up(2, documents=10)
    model, columns = fit(samples), list(zip(*(sample.features for sample in samples), strict=True))
    rest = [sample.right - sigmoid(model.log_odds(sample.features)) for sample in samples]
    assert sum(rest) == pytest.approx(0, abs=0.05)  # the intercept has no penalty
    for column, weight in zip(columns, model.weights, strict=True):
        mean = math.fsum(column) / len(column)
        sd = (math.fsum((value - mean) ** 2 for value in column) / len(column)) ** 0.5
        slope = math.fsum((value - mean) / sd * left for value, left in zip(column, rest, strict=True))
        assert slope == pytest.approx(weight * sd, abs=0.05)  # that of the penalty, w^2 / 2 of the standardized weight


def test_no_probability_comes_from_a_model_that_has_seen_the_document(monkeypatch):
    samples, seen = made_up(3, documents=12, mentions=5), []
    monkeypatch.setattr(
        "biosyn.evaluation.calibrate.fit", lambda part: seen.append({s.document for s in part}) or fit(part)
    )
    probabilities = cross_validated(samples, seed=0)
    assert len(seen) == 10
    every = {sample.document for sample in samples}
    left_out = [every - documents for documents in seen]
    assert sorted(d for documents in left_out for d in documents) == sorted(every)  # each once
    for documents in left_out:
        model = fit([sample for sample in samples if sample.document not in documents])
        for sample, probability in zip(samples, probabilities, strict=True):
            if sample.document in documents:
                assert probability == pytest.approx(sigmoid(model.log_odds(sample.features)))


def test_the_error_is_small_where_the_model_is_true_and_larger_for_the_plain_softmax():
    samples = made_up(4)
    found = reliability_json(samples, cross_validated(samples, seed=0))
    assert found["ece"] < 0.05 < found["ece_of_softmax_share"]
    assert (found["mentions"], found["documents"]) == (1000, 40)
    assert sum(row["size"] for row in found["reliability"]) == 1000


def test_every_part_of_a_composite_query_is_a_sample():
    def part(mention, cui):
        other = Candidate("asthma", "D9", 1.0, 1.0, 0.0)
        return MentionPrediction(mention, (Candidate(mention, cui, 2.0, 2.0, 0.0), other))

    query = Query("a|b", "D1|D2", pmid="7")
    samples = samples_of([QueryPrediction(query, (part("a", "D1"), part("b", "D3")))])
    assert [(sample.document, sample.right) for sample in samples] == [("7", True), ("7", False)]


@pytest.mark.parametrize(("right", "word"), [(True, "all"), (False, "none")])
def test_nothing_can_be_fitted_to_one_kind_of_outcome(right, word):
    samples = [sample._replace(right=right) for sample in made_up(5, documents=2)]
    with pytest.raises(InputError, match=f"^{word} of the 50 mentions are right"):
        fit(samples)


def test_the_mentions_of_one_document_are_crossed_one_by_one():
    samples = made_up(6, documents=1)
    apart = [sample._replace(document=f"{number:09}") for number, sample in enumerate(samples)]
    assert cross_validated(samples, seed=0) == cross_validated(apart, seed=0)


def test_a_mention_is_right_if_its_concept_is():
    best = Candidate("at", "D1|208900|D2", 3.0, 3.0, 0.0)
    right = ResolvedConcept("D1", "D1", None, ("208900",), "", ("D1", "208900"))
    wrong = ResolvedConcept("D2", "D2", None, (), "", ("D2",))
    for concepts, expected in (((), True), ((right, wrong), True), ((wrong, right), False)):
        found = MentionPrediction("at", (best,), None, concepts)
        (sample,) = samples_of([QueryPrediction(Query("at", "208900"), (found,))])
        assert sample.right is expected

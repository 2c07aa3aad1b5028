import math

import pytest
import torch

from biosyn.retrieval.evidence import Evidence, Reranking, dense_evidence, worst_token


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("is_unit", [False, True])
def test_the_evidence_of_vectors_is_a_naive_one(count, is_unit):
    torch.manual_seed(count)
    mention, names = torch.randn(5), torch.randn(count, 5)
    scores = sorted((dot(name, mention.tolist()) for name in names.tolist()), reverse=True)
    centre = [math.fsum(column) / count for column in zip(*names.tolist(), strict=True)]
    length = math.sqrt(dot(centre, centre)) if is_unit else 1
    expected = (
        math.fsum(scores[:2]) / min(2, count),
        math.fsum(scores[:3]) / min(3, count),
        dot(centre, mention.tolist()) / length,
    )
    assert dense_evidence(mention, names, is_unit=is_unit) == pytest.approx(expected, abs=1e-5)


def test_the_worst_token_is_the_one_that_no_name_has():
    torch.manual_seed(0)
    mention, names = torch.randn(3, 5), torch.randn(9, 5)
    expected = min(max(dot(own, other) for other in names.tolist()) for own in mention.tolist())
    assert worst_token(mention, names) == pytest.approx(expected, abs=1e-5)


def test_what_is_added_is_relative_to_the_first_concept():
    reranking = Reranking(Evidence(0.5, -1.0, 2.0, 3.0))
    evidence = {"D1": Evidence(0.9, 0.8, 0.7, 0.1), "D2": Evidence(0.7, 0.9, 0.5, 0.4)}
    assert reranking.added(evidence) == pytest.approx({"D1": 0.0, "D2": -0.1 - 0.1 - 0.4 + 0.9})
    assert Reranking.from_json(reranking.to_json()) == reranking


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_weights_are_finite(number):
    with pytest.raises(ValueError, match="not a finite number"):
        Reranking(Evidence(0.0, 0.0, number, 0.0))

import pytest
import torch

from biosyn.checkpoint.manifest import load_manifest
from biosyn.errors import InputError
from biosyn.evaluation.rerank import Samples, cross_validated, fit, require_enough

WEIGHTS = (0.5, 0.0, -0.5, 2.0)  # beside 1 for the score


def made_up(seed, *, mentions=2000, concepts=8):
    """Samples whose right concept is drawn by the softmax of the score and the weighted evidence."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(mentions, concepts, generator=generator).sort(descending=True).values
    evidence = torch.randn(mentions, concepts, 4, generator=generator)
    evidence[:, -1], scores[:, -1] = 0.0, -torch.inf  # there were fewer concepts
    chances = (1.5 * (scores + evidence @ torch.tensor(WEIGHTS))).softmax(dim=1)
    right = torch.zeros(mentions, concepts).scatter(1, chances.multinomial(1, generator=generator), 1.0)
    return Samples([f"d{row % 30}" for row in range(mentions)], scores, evidence, right)


def test_the_fit_finds_the_weights():
    assert fit(made_up(0)) == pytest.approx(WEIGHTS, abs=0.2)


def test_no_mention_is_judged_by_weights_that_were_fitted_on_its_document(monkeypatch):
    samples, seen = made_up(1, mentions=300), []
    monkeypatch.setattr("biosyn.evaluation.rerank.fit", lambda part: seen.append(set(part.documents)) or fit(part))
    found = cross_validated(samples, seed=0)
    every = set(samples.documents)
    assert len(seen) == 10
    assert sorted(d for documents in seen for d in every - documents) == sorted(every)  # each is left out once
    right = 0
    for documents in seen:
        weights = torch.tensor(fit(samples.take([r for r, d in enumerate(samples.documents) if d in documents])))
        for row in (row for row, document in enumerate(samples.documents) if document not in documents):
            scores = [
                score + float(evidence @ weights)
                for score, evidence in zip(samples.scores[row].tolist(), samples.evidence[row], strict=True)
            ]
            right += int(samples.right[row][scores.index(max(scores))])
    assert found["acc1_after"] == pytest.approx(right / 300)
    assert found["acc1_before"] == pytest.approx(float(samples.right[:, 0].mean()))
    assert found["acc1_after"] > found["acc1_before"] + 0.1
    assert found["compared_mentions"] == 300


def test_too_few_mentions_are_one_line():
    samples = made_up(2, mentions=60)
    samples.right[19:] = 0.0
    with pytest.raises(InputError, match="^19 mentions that equal no name .* give a dev set with 20 of them"):
        require_enough(samples)
    samples.right[20, 0] = 1.0
    assert require_enough(samples) is samples


def test_a_score_that_speaks_against_the_right_concept_is_refused():
    samples = made_up(3)
    for opposite in (samples._replace(scores=samples.scores * -1.0), samples.take([])):
        with pytest.raises(InputError, match="counts for nothing among these mentions"):
            fit(opposite._replace(scores=opposite.scores.nan_to_num(posinf=-torch.inf, neginf=-torch.inf)))


def test_it_is_recorded_beside_the_calibration(reranked_checkpoint, mean_checkpoint):
    found = load_manifest(reranked_checkpoint)
    reranking = found.reranking["hybrid"]
    assert list(reranking["weights"]) == ["best_two", "best_three", "centre", "worst_token"]
    assert (reranking["fitted_on"]["queries"]["mentions"], reranking["fitted_on"]["topk"]) == (
        35,
        5,
    )  # five names are homonyms
    assert set(found.calibration) == {"hybrid"}
    assert "reranking" not in (mean_checkpoint / "biosyn.json").read_text(encoding="utf-8")  # as older programs wrote
    card = (reranked_checkpoint / "README.md").read_text(encoding="utf-8")
    assert "hybrid: fitted on 35 mentions of misspelled_queries" in card
    assert f"of {reranking['fitted_on']['compared_mentions']} mentions that equal no name: " in card

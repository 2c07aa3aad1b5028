"""Candidates as the JSON that inference.py, the demo and the spaCy component give; new keys come after upstream's."""

from typing import Any

from biosyn.model.explain import ExplainedCandidate, Explanation
from biosyn.records import Candidate, ConceptPrediction, MentionPrediction

NGRAMS_SHOWN = 10


def predictions_json(prediction: MentionPrediction) -> list[dict[str, Any]]:
    """Return the candidates; ``dense_score`` and ``sparse_score`` add up to ``score``."""
    return [_candidate_json(candidate) for candidate in prediction.candidates]


def concepts_json(prediction: ConceptPrediction) -> list[dict[str, Any]]:
    """Return the concepts, each with the best of its names and that one's score."""
    return [
        {
            "ids": list(found.ids),
            "preferred_name": found.preferred_name,
            "name": found.best.name,
            **scores_json(found.best),
            "homonym": found.homonym,
        }
        for found in prediction.concepts
    ]


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return the mention's cleaning, w and the explained candidates."""
    return {
        "cleaning": [step._asdict() for step in explanation.cleaning],
        "sparse_weight": explanation.sparse_weight,
        "predictions": [_explained_json(candidate) for candidate in explanation.candidates],
    }


def scores_json(candidate: Candidate) -> dict[str, float]:
    """Return the score and its two summands."""
    return {
        "score": candidate.score,
        "dense_score": candidate.dense_score,
        "sparse_score": candidate.sparse_score,
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    return {"name": candidate.name, "id": candidate.cui, **scores_json(candidate)}


def _explained_json(explained: ExplainedCandidate) -> dict[str, Any]:
    """Return the weightiest n-grams one by one, the others in one sum: they add up to the sparse score."""
    shown, others = explained.ngrams[:NGRAMS_SHOWN], explained.ngrams[NGRAMS_SHOWN:]
    return {
        **_candidate_json(explained.candidate),
        "ngrams": [{"ngram": share.ngram, "sparse_score": share.score} for share in shown],
        "other_ngrams": {"count": len(others), "sparse_score": sum(share.score for share in others)},
        "concepts": [
            {"ids": list(found.ids), "preferred_name": found.preferred_name, "other_names": list(found.other_names)}
            for found in explained.concepts
        ],
    }

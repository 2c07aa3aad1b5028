"""Candidates as the JSON that inference.py, the demo and the spaCy component give; new keys come after upstream's."""

from typing import Any

from biosyn.concept_ids import NO_CONCEPT
from biosyn.model.explain import ExplainedCandidate, Explanation
from biosyn.records import Candidate, ConceptPrediction, MentionPrediction
from biosyn.retrieval.confidence import is_unsure
from biosyn.retrieval.vectors import Vectors

NGRAMS_SHOWN = 10


NO_ANSWER = {"name": "", "id": NO_CONCEPT}


def answer_json(prediction: MentionPrediction, *, threshold: float | None = None) -> dict[str, Any]:
    """Return ``predictions``, which is the one row `NO_ANSWER` below the threshold, and ``probability`` if known."""
    refused = is_unsure(prediction.probability, threshold)
    rows = [dict(NO_ANSWER)] if refused else predictions_json(prediction)
    return {"predictions": rows, **probability_json(prediction.probability)}


def concept_answer_json(prediction: ConceptPrediction, *, threshold: float | None = None) -> dict[str, Any]:
    """Return ``concepts``, which is one row with the id ``-1`` below the threshold, and ``probability`` if known."""
    refused = is_unsure(prediction.probability, threshold)
    nobody = {"ids": [NO_CONCEPT], "preferred_name": None, "name": ""}
    return {
        "concepts": [nobody] if refused else concepts_json(prediction),
        **probability_json(prediction.probability),
    }


def probability_json(probability: float | None) -> dict[str, float]:
    """Return ``probability``; nothing where the model is not calibrated."""
    return {} if probability is None else {"probability": probability}


def embeddings_json(vectors: Vectors) -> list[dict[str, list[float]]]:
    """Return the sparse and the dense embedding of each of M mentions, whose vectors have both halves."""
    assert vectors.dense is not None
    assert vectors.sparse is not None
    sparse = vectors.sparse.matrix().to_dense()  # (M, V)
    return [
        {"mention_sparse_embeds": row.tolist(), "mention_dense_embeds": dense.tolist()}
        for row, dense in zip(sparse, vectors.dense, strict=True)
    ]


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
    """Return the mention's cleaning, w and the explained candidates; of a composite mention those of each part."""
    cleaning = [step._asdict() for step in explanation.cleaning]
    if explanation.parts:
        parts = [{"mention": part.mention, **explanation_json(part)} for part in explanation.parts]
        return {"cleaning": cleaning, "parts": parts}
    return {
        "cleaning": cleaning,
        "sparse_weight": explanation.sparse_weight,
        "predictions": [_explained_json(candidate) for candidate in explanation.candidates],
        **probability_json(explanation.probability),
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

"""Predictions as the JSON that inference.py, the demo and the spaCy component give; our keys come after upstream's."""

from collections.abc import Mapping, Sequence
from typing import Any

from biosyn.concept_ids import NO_CONCEPT
from biosyn.model.explain import ConceptNames, ExplainedCandidate, Explanation
from biosyn.records import Candidate, ConceptPrediction, MentionPrediction, Name, ResolvedConcept
from biosyn.retrieval.confidence import is_unsure
from biosyn.retrieval.vectors import Vectors

NGRAMS_SHOWN = 10

NO_NAME = Name("", NO_CONCEPT)  # the answer where the model is not sure enough of any
NO_NAME_JSON = {"name": NO_NAME.name, "id": NO_NAME.cui}
NO_CONCEPT_JSON = {"ids": [NO_NAME.cui], "preferred_name": None, "name": NO_NAME.name}


def answer_json(prediction: MentionPrediction) -> dict[str, Any]:
    """Return ``predictions``, the ``concept`` of the best, ``probability`` if known, and ``unsure`` if so."""
    return {
        "predictions": predictions_json(prediction),
        "concept": concept_json(prediction.resolved, prediction.candidates[0].score) if prediction.candidates else None,
        **probability_json(prediction.probability),
        **unsure_json(prediction.unsure),
    }


def concept_answer_json(prediction: ConceptPrediction) -> dict[str, Any]:
    """Return ``concepts``, the ``concept`` of the best name, ``probability`` if known, and ``unsure`` if so."""
    return {
        "concepts": concepts_json(prediction),
        "concept": concept_json(prediction.resolved, prediction.concepts[0].best.score)
        if prediction.concepts
        else None,
        **probability_json(prediction.probability),
        **unsure_json(prediction.unsure),
    }


def concept_json(resolved: Sequence[ResolvedConcept], score: float) -> dict[str, Any]:
    """Return the one concept that a name stands for, with the score of the name and the name's other concepts.

    Examples
    --------
    >>> concept = ResolvedConcept("D1", "MESH:D1", "Ataxia", ("OMIM:2",), "only concept", ("D1", "2"))
    >>> concept_json([concept], 3.5)["alternative_ids"]
    ['OMIM:2']
    """
    primary, *others = map(_resolved_json, resolved)
    return {**primary, "score": score, "other_concepts": others}


def _resolved_json(found: ResolvedConcept) -> dict[str, Any]:
    return {
        "curie": found.curie,
        "preferred_name": found.preferred_name,
        "alternative_ids": list(found.alternative_ids),
        "reason": found.reason,
    }


def decided(
    answer: dict[str, Any], threshold: float | None, *, no_concept: Mapping[str, Any] = NO_CONCEPT_JSON
) -> dict[str, Any]:
    """Return an answer as it is, or with one row that says "no concept" if its probability is below the threshold.

    Parameters
    ----------
    answer
        The result of `answer_json` or `concept_answer_json`.
    no_concept
        The row for an answer of concepts.

    Examples
    --------
    >>> answer = {"predictions": [{"name": "ataxia", "id": "D001259"}], "concept": {}, "probability": 0.4}
    >>> decided(answer, 0.5)
    {'predictions': [{'name': '', 'id': '-1'}], 'concept': None, 'probability': 0.4}
    """
    if not is_unsure(answer.get("probability"), threshold):
        return answer
    if "concepts" in answer:
        return {**answer, "concepts": [dict(no_concept)], "concept": None}
    return {**answer, "predictions": [dict(NO_NAME_JSON)], "concept": None}


def predictions_json(prediction: MentionPrediction) -> list[dict[str, Any]]:
    """Return the candidates; ``dense_score`` and ``sparse_score`` add up to ``score``."""
    return [_candidate_json(candidate) for candidate in prediction.candidates]


def concepts_json(prediction: ConceptPrediction) -> list[dict[str, Any]]:
    """Return the concepts, each with the best of its names, the scores of that name, and how it is resolved."""
    return [
        {
            "ids": list(found.ids),
            "preferred_name": found.preferred_name,
            "name": found.best.name,
            **scores_json(found.best),
            "homonym": found.homonym,
            "curie": found.resolved.curie,
            "alternative_ids": list(found.resolved.alternative_ids),
            "reason": found.resolved.reason,
        }
        for found in prediction.concepts
    ]


def scores_json(candidate: Candidate) -> dict[str, float]:
    """Return the score and its parts: two, or three after a second look."""
    scores = {
        "score": candidate.score,
        "dense_score": candidate.dense_score,
        "sparse_score": candidate.sparse_score,
    }
    return scores if candidate.rerank_score is None else {**scores, "rerank_score": candidate.rerank_score}


def probability_json(probability: float | None) -> dict[str, float]:
    """Return ``probability``; nothing where the model is not calibrated."""
    return {} if probability is None else {"probability": probability}


def unsure_json(reason: str) -> dict[str, str]:
    """Return ``unsure``, why the answer is worth nothing; nothing in the usual case."""
    return {"unsure": reason} if reason else {}


def embeddings_json(vectors: Vectors) -> list[dict[str, list[float]]]:
    """Return the sparse and the dense embedding of each of M mentions, whose vectors have both halves."""
    assert vectors.dense is not None
    assert vectors.sparse is not None
    sparse = vectors.sparse.matrix().to_dense()  # (M, V)
    return [
        {"mention_sparse_embeds": row, "mention_dense_embeds": dense}
        for row, dense in zip(sparse.tolist(), vectors.dense.tolist(), strict=True)
    ]


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return the mention's cleaning, w and the explained candidates; for a composite mention those of each part."""
    cleaning = [step._asdict() for step in explanation.cleaning]
    if explanation.parts:
        parts = [{"mention": part.mention, **explanation_json(part)} for part in explanation.parts]
        return {"cleaning": cleaning, "parts": parts}
    return {
        "cleaning": cleaning,
        "sparse_weight": explanation.sparse_weight,
        "predictions": [_explained_json(candidate) for candidate in explanation.candidates],
        "concept": concept_json(explanation.resolved, explanation.candidates[0].candidate.score),
        **probability_json(explanation.probability),
        **unsure_json(explanation.unsure),
    }


def _explained_json(explained: ExplainedCandidate) -> dict[str, Any]:
    """Return the largest n-grams one by one and the sum of the others: they add up to the sparse score."""
    shown, others = explained.ngrams[:NGRAMS_SHOWN], explained.ngrams[NGRAMS_SHOWN:]
    return {
        **_candidate_json(explained.candidate),
        "ngrams": [{"ngram": share.ngram, "sparse_score": share.score} for share in shown],
        "other_ngrams": {"count": len(others), "sparse_score": sum(share.score for share in others)},
        "concepts": [concept_names_json(found, list(found.ids)) for found in explained.concepts],
    }


def concept_names_json(concept: ConceptNames, ids: Sequence[Any]) -> dict[str, Any]:
    """Return a concept of a candidate with its other names; the caller gives its ids their form."""
    return {"ids": list(ids), "preferred_name": concept.preferred_name, "other_names": list(concept.other_names)}


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    return {"name": candidate.name, "id": candidate.cui, **scores_json(candidate)}

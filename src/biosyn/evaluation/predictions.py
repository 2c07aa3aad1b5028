"""``predictions_eval.json``, written and read: the candidates of every query, in upstream's form with more keys."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biosyn.concept_ids import shares_any
from biosyn.errors import InputError
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.model.answers import probability_json, scores_json
from biosyn.pipes import regular_file
from biosyn.records import Candidate, MentionPrediction, Query, QueryPrediction, ResolvedConcept

PREDICTIONS_FILE = "predictions_eval.json"


def predictions_file_json(predictions: Sequence[QueryPrediction], accuracy: Mapping[str, float]) -> dict[str, Any]:
    """Return the content of the file: the queries, then ``acc1`` .. ``accK``."""
    return {"queries": [_query_json(prediction) for prediction in predictions], **accuracy}


def _query_json(prediction: QueryPrediction) -> dict[str, Any]:
    query = prediction.query
    mentions = [
        {
            "mention": mention.mention,
            "golden_cui": query.cui.replace("+", "|"),
            "candidates": [
                {"name": c.name, "cui": c.cui, "label": int(shares_any(query.cui, c.cui)), **scores_json(c)}
                for c in mention.candidates
            ],
            **probability_json(mention.probability),
            **({"concept": _concept_json(mention.resolved[0])} if mention.resolved else {}),
        }
        for mention in prediction.mentions
    ]
    return {"mentions": mentions, "pmid": query.pmid, "start": query.start, "end": query.end}


def _concept_json(concept: ResolvedConcept) -> dict[str, Any]:
    """Return the concept that the best name is resolved to."""
    return concept._asdict()


def read_predictions(path: str | Path) -> list[QueryPrediction]:
    """Read the file, or the one in a folder. A composite query's mention is its parts joined by ``|``; types are lost.

    A mention has the one concept that its best name was resolved to; in older files, none.

    The accuracies in the file are computed again from its candidates. If they differ, a query was removed or added, and
    the file is refused.
    """
    path = Path(path) / PREDICTIONS_FILE if Path(path).is_dir() else Path(path)
    try:
        content = json.loads(regular_file(path).read_text(encoding="utf-8"))
        predictions = [_query(row) for row in content["queries"]]
        accuracy = accuracy_at_k(predictions, _topk(predictions))
        written = {key: value for key, value in content.items() if key.startswith("acc")}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise InputError("is not a predictions_eval.json of ours: run eval.py --save_predictions", path=path) from error
    _require_equal(written, accuracy, path)
    return predictions


def _topk(predictions: Sequence[QueryPrediction]) -> int:
    (topk,) = {len(mention.candidates) for found in predictions for mention in found.mentions}
    return topk


def _query(row: Mapping[str, Any]) -> QueryPrediction:
    mentions = tuple(map(_mention, row["mentions"]))
    mention = "|".join(part.mention for part in mentions)
    span = {key: str(row[key]) for key in ("pmid", "start", "end")}
    return QueryPrediction(Query(mention, row["mentions"][0]["golden_cui"], **span), mentions)


def _mention(row: Mapping[str, Any]) -> MentionPrediction:
    resolved = (_concept(row["concept"]),) if "concept" in row else ()
    return MentionPrediction(row["mention"], tuple(map(_candidate, row["candidates"])), resolved=resolved)


def _concept(row: Mapping[str, Any]) -> ResolvedConcept:
    lists = {key: tuple(map(str, row[key])) for key in ("alternative_ids", "ids")}
    return ResolvedConcept(**{**row, **lists})


def _candidate(row: Mapping[str, Any]) -> Candidate:
    keys = ("score", "dense_score", "sparse_score", "rerank_score")
    scores = (float(row[key]) for key in keys if key != "rerank_score" or key in row)
    return Candidate(row["name"], row["cui"], *scores)


def _require_equal(written: Mapping[str, float], computed: Mapping[str, float], path: Path) -> None:
    for key in dict.fromkeys([*computed, *written]):
        if written.get(key) != computed.get(key):
            raise InputError(
                f"its {key} is {written.get(key)}, but its queries give {computed.get(key)}: "
                "it was changed after eval.py wrote it, run eval.py again",
                path=path,
            )

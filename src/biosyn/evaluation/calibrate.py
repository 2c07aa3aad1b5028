"""The verb of biosyn calibrate: fit, on a dev set, the probability that a mention's best concept is right."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from biosyn.checkpoint.folder import record_calibration, rewritten_files
from biosyn.checkpoint.manifest import describe_data, load_manifest
from biosyn.data.concepts import CONCEPTS_FILE, ConceptTable
from biosyn.data.queries import QueryDataset
from biosyn.data.resolver import Resolver
from biosyn.data.vocabularies import vocabularies_beside
from biosyn.devices import resolve_device
from biosyn.errors import InputError
from biosyn.evaluation.accuracy import gold_ids, resolved_ids
from biosyn.evaluation.folds import folds_of
from biosyn.evaluation.hidden import Hidden, embed_searched, open_hidden
from biosyn.evaluation.references import resolved
from biosyn.evaluation.reliability import area_under_risk, expected_calibration_error, reliability_table
from biosyn.files import is_there
from biosyn.linking.loading import open_model
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.model.predict import predict
from biosyn.places import Inputs
from biosyn.records import QueryPrediction
from biosyn.retrieval.confidence import DEPTH, OF_CONCEPT, OF_NAME, Calibration, Features, features_of, sigmoid
from biosyn.settings.verbs import CalibrateConfig

logger = logging.getLogger(__name__)


class Sample(NamedTuple):
    """A mention of the dev set: its document, its features, and whether its best concept is right."""

    document: str
    features: Features
    right: bool


def calibrate(config: CalibrateConfig) -> dict[str, Any]:
    """Run biosyn calibrate: fit, cross-validate, record in the manifest; return its JSON result."""
    resolve_device(config.device)  # refused before anything is read
    inputs = Inputs.of(config)
    others = Inputs.of(config, but=("model_name_or_path",))  # which is read and written
    others.require_apart(rewritten_files(config.model_name_or_path))
    queries = QueryDataset(config.data_dir).queries
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    searched = open_hidden(dictionary, fraction=config.hide_concepts, seed=config.seed)
    has_concepts = is_there(dictionary.path.with_name(CONCEPTS_FILE))
    table, vocabularies = ConceptTable.beside(dictionary.path), vocabularies_beside(searched.dictionary)
    load_manifest(config.model_name_or_path)  # before the minutes that the embedding takes
    biosyn = open_model(config.model_name_or_path, config)
    names = embed_searched(
        biosyn,
        searched,
        score_mode=config.score_mode,
        cache_dir=config.cache_dir,
        index_precision=config.index_precision,
        show_progress=config.show_progress,
    )
    topk = min(DEPTH, len(searched.dictionary))
    predictions = predict(biosyn, queries, searched.dictionary, names, topk=topk, exact_first=True)  # as linking does
    if has_concepts:
        predictions = resolved(predictions, Resolver(table, vocabularies, biosyn.annotations))
    samples = samples_of(predictions)
    reliability = reliability_json(samples, cross_validated(samples, seed=config.seed))
    fitted_on = {**_describe(config, searched, len(queries)), "ece": reliability["ece"]}
    calibration = replace(fit(samples), fitted_on=fitted_on, of=OF_CONCEPT if has_concepts else OF_NAME)
    inputs.require_unchanged()  # the hashes are those of what was measured
    record_calibration(config.model_name_or_path, config.score_mode, calibration)
    logger.info("recorded for the %s score in the checkpoint's manifest and model card", config.score_mode)
    return {"score_mode": config.score_mode, **calibration.to_json(), **reliability}


def samples_of(predictions: Sequence[QueryPrediction]) -> list[Sample]:
    """Return a sample for each mention; each part of a composite query is a mention.

    It is right if the concept that the best name is resolved to has a gold id; not resolved, if the name has one.
    """
    return [
        Sample(
            found.query.pmid,
            features_of(mention.mention, mention.candidates),
            not resolved_ids(mention).isdisjoint(gold_ids(found.query.cui)),
        )
        for found in predictions
        for mention in found.mentions
    ]


def fit(samples: Sequence[Sample]) -> Calibration:
    """Fit the logistic model: standardized features, an L2 penalty of 1 on their weights, none on the intercept."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    right = [sample.right for sample in samples]
    if len(set(right)) < 2:
        raise InputError(
            f"{'all' if all(right) else 'none'} of the {len(right)} mentions are right, which leaves nothing to fit: "
            "give a larger dev set, or hide concepts"
        )
    scaler = StandardScaler()
    try:  # scores near the end of what a float holds
        values = scaler.fit_transform([sample.features for sample in samples])  # (M, F)
        model = LogisticRegression(C=1.0, max_iter=1000).fit(values, right)
        weights = model.coef_[0] / scaler.scale_  # (F,), for unscaled features
        return Calibration(float(model.intercept_[0] - weights @ scaler.mean_), Features(*weights.tolist()))
    except ValueError as error:
        raise InputError(
            f"the scores cannot be calibrated, they are too large ({str(error).splitlines()[0]})"
        ) from error


def cross_validated(samples: Sequence[Sample], *, seed: int) -> list[float]:
    """Return the probability of each mention by a model that was fitted without its document.

    Where all are from one document, such as a list of names, it is fitted without the mention and others at random.
    """
    probabilities = [0.0] * len(samples)
    for rows, others in folds_of([sample.document for sample in samples], seed=seed):
        model = fit([samples[row] for row in others])
        for row in rows:
            probabilities[row] = sigmoid(model.log_odds(samples[row].features))
    return probabilities


def reliability_json(samples: Sequence[Sample], probabilities: Sequence[float]) -> dict[str, Any]:
    """Return ECE, reliability table and AURC; for comparison, the ECE of the plain softmax probability."""
    right = [sample.right for sample in samples]
    table = reliability_table(probabilities, right)
    softmax = [sigmoid(sample.features.log_odds) for sample in samples]
    return {
        "mentions": len(samples),
        "right": sum(right),
        "documents": len({sample.document for sample in samples}),
        "ece": expected_calibration_error(table),
        "ece_of_softmax_share": expected_calibration_error(reliability_table(softmax, right)),
        "aurc": area_under_risk(probabilities, right),
        "reliability": [row._asdict() for row in table],
    }


def _describe(config: CalibrateConfig, searched: Hidden, mentions: int) -> dict[str, Any]:
    data = describe_data(config.data_dir, config.dictionary_path, mentions=mentions, names=len(searched.dictionary))
    hidden = {"hidden_concepts": searched.concepts, "seed": config.seed} if searched.concepts else {}
    return {**data, **hidden}

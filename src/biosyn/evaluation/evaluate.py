"""The verb of eval.py: candidates for each query of a folder, Acc@k and the other figures, predictions, the report."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biosyn.checkpoint.folder import record_figures, rewritten_files
from biosyn.checkpoint.manifest import describe_data, describe_model, load_manifest
from biosyn.data.dictionary import require_names
from biosyn.data.queries import QueryDataset
from biosyn.data.resolver import Resolver
from biosyn.devices import resolve_device
from biosyn.distributed.ranks import is_first
from biosyn.evaluation.accuracy import accuracy_at_k
from biosyn.evaluation.hidden import Hidden, embed_searched, open_hidden
from biosyn.evaluation.outcomes import Outcomes, metrics_json, metrics_table
from biosyn.evaluation.predictions import PREDICTIONS_FILE, predictions_file_json
from biosyn.evaluation.references import outcomes_of, read_references, resolved
from biosyn.evaluation.reliability import confidence_json
from biosyn.evaluation.report.charts import require_matplotlib
from biosyn.evaluation.report.page import REPORT_FILE, Subject, read_train_log, write_report
from biosyn.linking.loading import open_model
from biosyn.model.biosyn import BioSyn
from biosyn.model.embedded_dictionary import open_dictionary
from biosyn.model.predict import predict
from biosyn.model.rerank import Reranker, reranking_of
from biosyn.places import Inputs
from biosyn.records import QueryPrediction
from biosyn.settings.verbs import EvalConfig
from biosyn.writing import require_writable, write_json

logger = logging.getLogger(__name__)
METRICS_FILE = "metrics.json"


def evaluate(config: EvalConfig) -> dict[str, Any]:
    """Run eval.py: return its JSON result, ``acc1`` .. ``accK`` and what they were measured on."""
    resolve_device(config.device)  # refused before anything is read
    output_dir = Path(config.output_dir)
    inputs = _require_places(config, output_dir)
    queries = QueryDataset(config.data_dir, config.filter_composite, config.filter_duplicate).queries
    dictionary = open_dictionary(config.dictionary_path, cache_dir=config.cache_dir)
    searched = open_hidden(dictionary, fraction=config.hide_concepts, seed=config.seed)
    dictionary = searched.dictionary
    require_names(dictionary, config.topk)
    references = read_references(queries, dictionary, data_dir=config.data_dir, train_dirs=config.train_dir)
    if is_first():
        require_writable(output_dir)
    training = _open_report(config)
    if config.record_as is not None:
        load_manifest(config.model_name_or_path)  # before the minutes that the embedding takes
    calibrated_for = None if config.threshold is None else config.score_mode
    biosyn = open_model(
        config.model_name_or_path,
        config,
        revision=config.revision,
        max_length=config.max_length,
        calibrated_for=calibrated_for,
    )
    if config.rerank:
        reranking_of(biosyn, config.score_mode)  # refused before the minutes that the embedding takes
    names = embed_searched(
        biosyn,
        searched,
        score_mode=config.score_mode,
        cache_dir=config.cache_dir,
        index_precision=config.index_precision,
        show_progress=config.show_progress,
    )
    predictions = predict(
        biosyn,
        queries,
        dictionary,
        names,
        topk=config.topk,
        exact_first=config.exact_first,
        reranker=Reranker(biosyn, dictionary, names, concepts=config.rerank) if config.rerank else None,
        together=True,
    )
    if not is_first():  # every rank has found the same
        return {}
    inputs.require_unchanged()  # the manifest would have the hash of other files than these figures
    if references.concepts is not None:
        resolver = Resolver(references.concepts, references.vocabularies, biosyn.annotations)
        predictions = resolved(predictions, resolver)
    accuracy = accuracy_at_k(predictions, config.topk)
    for k in sorted({1, min(5, config.topk)}):
        logger.info("acc@%d=%s", k, accuracy[f"acc{k}"])
    outcomes = outcomes_of(predictions, references, topk=config.topk)
    metrics = _write_metrics(config, biosyn, predictions, outcomes, searched)
    if config.report:
        subject = _subject(config, metrics)
        write_report(
            output_dir, subject, metrics, predictions, outcomes=outcomes, references=references, training=training
        )
    if config.save_predictions:
        path = output_dir / PREDICTIONS_FILE
        write_json(path, predictions_file_json(predictions, accuracy))
        logger.info("predictions are in %s", path)
    if config.record_as is not None:
        _record(config, accuracy, mentions=len(queries), names=len(dictionary))
    measured = {"queries": len(queries), "names": len(dictionary), "score_mode": config.score_mode}
    return {**measured, "precision": biosyn.precision, **accuracy}


def _require_places(config: EvalConfig, output_dir: Path) -> Inputs:
    """Refuse an output that is an input; return the inputs."""
    inputs = Inputs.of(config)
    written = [output_dir / name for name in (METRICS_FILE, PREDICTIONS_FILE, REPORT_FILE)]
    inputs.require_apart(written, option="--output_dir")
    if config.record_as is not None:  # the model is read and written
        others = Inputs.of(config, but=("model_name_or_path",))
        others.require_apart(rewritten_files(config.model_name_or_path))
    return inputs


def _write_metrics(
    config: EvalConfig,
    biosyn: BioSyn,
    predictions: Sequence[QueryPrediction],
    outcomes: Outcomes,
    searched: Hidden,
) -> dict[str, Any]:
    """Write all figures to ``metrics.json``, log them as a table, and return the content of the file."""
    path, figures = Path(config.output_dir) / METRICS_FILE, outcomes.figures()
    settings = {
        "score_mode": config.score_mode,
        "precision": biosyn.precision,
        "names": len(searched.dictionary),
        "filters": _filters(config),
    }
    order: dict[str, Any] = {"exact_first": True} if config.exact_first else {}
    order |= {"rerank": config.rerank} if config.rerank else {}
    hidden = {"hidden_concepts": searched.concepts, "seed": config.seed} if searched.concepts else {}
    metrics = {**settings, **order, **hidden, **metrics_json(outcomes, figures)}
    if not config.rerank and (calibration := biosyn.calibrations.get(config.score_mode)) is not None:
        metrics["confidence"] = confidence_json(predictions, outcomes, of=calibration.of, threshold=config.threshold)
    write_json(path, metrics)
    for line in metrics_table(outcomes, figures):
        logger.info("%s", line)
    logger.info("the figures are in %s", path)
    return metrics


def _open_report(config: EvalConfig) -> list[dict[str, Any]]:
    """Check early what the report needs, and return the rows of the training log; none without ``--report``."""
    if not config.report:
        return []
    require_matplotlib()
    return read_train_log(config.model_name_or_path)


def _subject(config: EvalConfig, metrics: Mapping[str, Any]) -> Subject:
    """Return what the report says about the run."""
    settings = {
        "score": config.score_mode,
        "dictionary": f"{Path(config.dictionary_path).name}, {metrics['names']} names",
        "candidates of a mention": metrics["topk"],
        "concepts hidden": metrics.get("hidden_concepts"),
        "threshold": config.threshold,
        "concepts reranked": config.rerank or None,
        "filters": ", ".join(metrics["filters"]),
    }
    shown = {name: str(value) for name, value in settings.items() if value not in (None, "")}
    model = describe_model(config.model_name_or_path, config.revision)["name"]
    return Subject(str(model), Path(config.data_dir).resolve().name, shown)


def _record(config: EvalConfig, accuracy: dict[str, float], *, mentions: int, names: int) -> None:
    """Add Acc@1 and Acc@5 to the checkpoint's manifest, next to those of other score modes on the same data."""
    data_set = str(config.record_as)
    data = describe_data(config.data_dir, config.dictionary_path, mentions=mentions, names=names)
    data["filters"] = _filters(config)
    earlier = load_manifest(config.model_name_or_path).figures.get(data_set, {})
    if any(earlier.get(key) != value for key, value in data.items()):
        earlier = data  # measured on other data: these figures replace them
    figures = {key: accuracy[key] for key in ("acc1", "acc5") if key in accuracy}
    record_figures(config.model_name_or_path, data_set, {**earlier, config.score_mode: figures})
    logger.info("recorded as '%s' in the checkpoint's manifest and model card", data_set)


def _filters(config: EvalConfig) -> list[str]:
    return [name for name in ("filter_composite", "filter_duplicate") if getattr(config, name)]

"""The page of the report: one file with its style, script and plots, which loads and runs nothing else."""

import base64
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from biosyn import __version__
from biosyn.checkpoint.files import FILES
from biosyn.data.concepts import ConceptTable
from biosyn.errors import InputError
from biosyn.evaluation.outcomes import Outcomes
from biosyn.evaluation.references import References
from biosyn.evaluation.report.charts import (
    FIGURE_COLUMNS,
    Chart,
    accuracy_chart,
    confidence_charts,
    figure_cells,
    slices_chart,
    training_charts,
)
from biosyn.evaluation.report.errors import CLASSES, ErrorRow, error_rows
from biosyn.files import read_lines
from biosyn.records import QueryPrediction
from biosyn.writing import write_text

logger = logging.getLogger(__name__)

REPORT_FILE = "report.html"
MAX_ERRORS = 2000  # rows of the table, which a browser can filter without delay
HEADLINE = {
    "acc1": "Acc@1",
    "acc5": "Acc@5",
    "mrr": "MRR",
    "recall_topk": "gold id in the top K",
    "recall_dictionary": "gold id in the dictionary",
}
ANSWERS = {
    "coverage": "answered, of all",
    "accuracy_answered": "right, of the answered",
    "accuracy": "right or rightly -1, of all",
    "nil_precision": "without a concept, of those answered -1",
    "nil_recall": "answered -1, of those without a concept",
}


class Subject(NamedTuple):
    """The model and data that the page is about; ``settings`` are shown as they are."""

    model: str
    data: str
    settings: Mapping[str, str]


def write_report(
    folder: Path,
    subject: Subject,
    metrics: Mapping[str, Any],
    predictions: Sequence[QueryPrediction],
    *,
    outcomes: Outcomes,
    references: References,
    training: Sequence[Mapping[str, Any]],
) -> None:
    """Write ``report.html`` into the folder, completely or not at all."""
    concepts = references.concepts or ConceptTable()
    errors = error_rows(predictions, outcomes, concepts, vocabularies=references.vocabularies)
    write_text(folder / REPORT_FILE, report_html(subject, metrics, errors, training))
    logger.info("the report is in %s", folder / REPORT_FILE)


def report_html(
    subject: Subject,
    metrics: Mapping[str, Any],
    errors: Sequence[ErrorRow],
    training: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page.

    Parameters
    ----------
    metrics
        The content of ``metrics.json``.
    errors
        Every query that is not right at 1.
    training
        The rows of ``train_log.jsonl``, if there is one.
    """
    from tornado.template import Template

    parts = {name: (files(__package__) / name).read_text(encoding="utf-8") for name in ("style.css", "filter.js")}
    counts = Counter(row.error_class for row in errors)
    page = Template((files(__package__) / "page.html").read_text(encoding="utf-8"), autoescape="xhtml_escape")
    raw = page.generate(
        subject=subject,
        metrics=metrics,
        headline=_headline(metrics),
        figure_columns=FIGURE_COLUMNS,
        charts=_charts(metrics, training),
        confidence=metrics.get("confidence"),
        answers=_answers(metrics),
        errors=errors[:MAX_ERRORS],
        total_errors=len(errors),
        classes=_classes(counts, metrics),
        style=parts["style.css"],
        script=parts["filter.js"],
        policy=_policy(style=parts["style.css"], script=parts["filter.js"]),
        version=__version__,
    )
    return raw.decode()


def _classes(counts: Mapping[str, int], metrics: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Return the classes that occur with their counts and meanings; homonyms with how many were resolved right."""
    meanings = dict(CLASSES)
    if figure := metrics["slices"].get("homonym", {}).get("yes", {}).get("strict_acc1"):
        meanings["homonym"] += f"; {figure['total']:g} of all {figure['of']} such queries were resolved right"
    return [
        (name, counts[name], meaning) for name, meaning in meanings.items() if meaning != CLASSES[name] or counts[name]
    ]


def _headline(metrics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"{protocol} {title}", *figure_cells(figures[name]))
        for protocol, figures in metrics["protocols"].items()
        for name, title in HEADLINE.items()
        if name in figures and protocol != "strict_unresolved"  # the class homonym tells what it is about
    ]


def _charts(metrics: Mapping[str, Any], training: Sequence[Mapping[str, Any]]) -> list[Chart]:
    promised = confidence_charts(metrics["confidence"]) if "confidence" in metrics else []
    return [accuracy_chart(metrics), slices_chart(metrics), *promised, *training_charts(training)]


def _answers(metrics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    figures = metrics.get("confidence", {}).get("answers", {})
    return [(ANSWERS[name], *figure_cells(figure)) for name, figure in figures.items()]


def _policy(*, style: str, script: str) -> str:
    """Return a content security policy that allows only this style, this script, and images in the page."""
    hashes = {
        name: base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        for name, content in (("style", style), ("script", script))
    }
    allowed = "".join(f"; {name}-src 'sha256-{digest}'" for name, digest in hashes.items())
    return f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'{allowed}"


def read_train_log(model_folder: str | Path) -> list[dict[str, Any]]:
    """Return the rows of ``train_log.jsonl`` in a model's folder; none without that file, or for a Hub id."""
    path = Path(model_folder) / FILES.training_log
    return [_row(line, path, number) for number, line in read_lines(path)] if path.is_file() else []


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
        figures = [row[key] for key in ("loss", "w", "positive_share") if key in row]  # pretrain.py logs only the loss
        dev = [row["dev"][mode]["acc1"] for mode in ("hybrid", "dense", "sparse") if "dev" in row]
        if not all(isinstance(value, int | float) for value in (row["epoch"], *figures, *dev)):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            "is not a row of a training log: remove the file, or restore it", path=path, line=number
        ) from error
    return dict(row)

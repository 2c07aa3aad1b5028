"""From an evaluation to the file of its page."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from biosyn.checkpoint.files import FILES
from biosyn.concept_ids import split_ids
from biosyn.data.concepts import ConceptTable
from biosyn.errors import InputError
from biosyn.evaluation.outcomes import Outcomes
from biosyn.evaluation.references import References
from biosyn.evaluation.report.errors import error_rows
from biosyn.evaluation.report.page import Subject, report_html
from biosyn.files import read_lines, write_text
from biosyn.ontology_links import holds_genes
from biosyn.records import QueryPrediction

logger = logging.getLogger(__name__)

REPORT_FILE = "report.html"


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
    """Write ``report.html`` into the folder, whole or not at all.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    genes = holds_genes(cui for field in dict.fromkeys(references.dictionary.cuis) for cui in split_ids(field))
    errors = error_rows(predictions, outcomes, references.concepts or ConceptTable(), genes=genes)
    write_text(folder / REPORT_FILE, report_html(subject, metrics, errors, training))
    logger.info("the report is in %s", folder / REPORT_FILE)


def read_train_log(model_folder: str | Path) -> list[dict[str, Any]]:
    """Return the rows of the log beside a model; none where there is no log, as for a Hub id.

    Raises
    ------
    InputError
        If a line is none that train.py or pretrain.py writes.
    """
    path = Path(model_folder) / FILES.training_log
    return [_row(line, path, number) for number, line in read_lines(path)] if path.is_file() else []


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
        figures = [row[key] for key in ("loss", "w", "positive_share") if key in row]  # pretrain.py has the loss alone
        dev = [row["dev"][mode]["acc1"] for mode in ("hybrid", "dense", "sparse") if "dev" in row]
        if not all(isinstance(value, int | float) for value in (row["epoch"], *figures, *dev)):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            "is no row of a training log: remove the file, or restore it", path=path, line=number
        ) from error
    return dict(row)

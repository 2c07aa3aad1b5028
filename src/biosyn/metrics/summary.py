"""Figures as ``metrics.json`` and as lines of a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from biosyn.evaluation.figures import Figure
from biosyn.evaluation.outcomes import FigureKey, Outcomes
from biosyn.metrics.bootstrap import interval_json

SHOWN_OF_PROTOCOLS = ("acc1", "acc5", "acc10", "acc20", "mrr", "recall_topk", "recall_dictionary")


def metrics_json(outcomes: Outcomes, figures: Mapping[FigureKey, Figure]) -> dict[str, Any]:
    """Return the content of ``metrics.json``: counts, how the intervals were made, then the figures by their keys."""
    tree: dict[str, Any] = {"protocols": {}, "slices": {}}
    for key, figure in figures.items():
        place = tree
        for part in key[:-1]:
            place = place.setdefault(part, {})
        place[key[-1]] = figure.to_json()
    return {
        "queries": len(outcomes),
        "documents": len(set(outcomes.documents)),
        "topk": outcomes.topk,
        "interval": interval_json(outcomes.documents),
        **tree,
        "left_out": dict(outcomes.left_out),
    }


def metrics_table(outcomes: Outcomes, figures: Mapping[FigureKey, Figure]) -> list[str]:
    """Return the lines of the table: every protocol and slice, each figure with its interval and its denominator."""
    rows = [("", "", "95 % interval", "of"), *_rows(figures)]
    notes = [f"left out: {what} ({why})" for what, why in outcomes.left_out.items()]
    return [*aligned(rows), *notes]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines, each column as wide as it must be; the first flush left.

    Examples
    --------
    >>> aligned([("", "of"), ("acc1", "960")])
    ['       of', 'acc1  960']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _rows(figures: Mapping[FigureKey, Figure]) -> Iterator[tuple[str, str, str, str]]:
    for key, figure in figures.items():
        if key[0] == "slices" or key[-1] in SHOWN_OF_PROTOCOLS:
            interval = f"{figure.low:.4f} - {figure.high:.4f}"
            yield " ".join(key[1:]), f"{figure.value:.4f}", interval, str(figure.of)

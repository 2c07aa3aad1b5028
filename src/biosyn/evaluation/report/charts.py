"""The charts of the page: each a plot, a sentence that says what is seen in it, and a table of the same numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from biosyn.report.plots import Row, forest_plot, lines_plot, reliability_plot, risk_plot

MODES = ("hybrid", "dense", "sparse")
LOGGED = {"loss": "loss", "w": "w", "positive_share": "mentions with a positive candidate"}  # the last two: train.py's


class Chart(NamedTuple):
    """A chart; ``rows`` are the cells of its table, the first of each row its heading."""

    title: str
    image: str
    alt: str
    summary: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def share(value: float) -> str:
    """Return a share as it is written everywhere on the page.

    Examples
    --------
    >>> share(841 / 960)
    '0.8760'
    """
    return f"{value:.4f}"


def figure_cells(figure: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return a figure of ``metrics.json`` as cells: value, the ends of its interval, its denominator.

    Examples
    --------
    >>> figure_cells({"value": 0.5, "low": 0.25, "high": 0.75, "total": 2, "of": 4})
    ('0.5000', '0.2500', '0.7500', '4')
    """
    return share(figure["value"]), share(figure["low"]), share(figure["high"]), str(figure["of"])


FIGURE_COLUMNS = ("value", "from", "to", "of")  # of figure_cells


def accuracy_chart(metrics: Mapping[str, Any]) -> Chart:
    """Return Acc@1 to Acc@K by the lenient protocol."""
    figures = [metrics["protocols"]["lenient"][f"acc{k}"] for k in range(1, metrics["topk"] + 1)]
    values, band = [found["value"] for found in figures], [[found[end] for found in figures] for end in ("low", "high")]
    places = list(range(1, len(figures) + 1))
    return Chart(
        "Acc@k",
        lines_plot(places, {"Acc@k": values}, xlabel="k", ylabel="Acc@k", band=band),
        "Line plot of Acc@k over k, its 95 % interval shaded.",
        f"The right concept is first for {share(values[0])} of the queries, and among the first {len(values)} names "
        f"for {share(values[-1])}. Grey: 95 % interval.",
        ("k", *FIGURE_COLUMNS),
        tuple((str(k), *figure_cells(found)) for k, found in zip(places, figures, strict=True)),
    )


def slices_chart(metrics: Mapping[str, Any]) -> Chart:
    """Return Acc@1 by slice."""
    found = [
        (f"{name}: {label}", figures["acc1"])
        for name, labels in metrics["slices"].items()
        for label, figures in labels.items()
    ]
    worst, best = (choose(found, key=_value) for choose in (min, max))
    return Chart(
        "Acc@1 by slice",
        forest_plot([_forest_row(*row) for row in found], xlabel="Acc@1"),
        "A point with its 95 % interval for each slice of the queries.",
        f"Lowest for {worst[0]} ({share(worst[1]['value'])} of {worst[1]['of']} queries), "
        f"highest for {best[0]} ({share(best[1]['value'])} of {best[1]['of']}).",
        ("slice", *FIGURE_COLUMNS),
        tuple((label, *figure_cells(figure)) for label, figure in found),
    )


def _forest_row(label: str, figure: Mapping[str, Any]) -> Row:
    return Row(f"{label} ({figure['of']})", figure["value"], figure["low"], figure["high"])


def _value(row: tuple[str, Mapping[str, Any]]) -> float:
    return float(row[1]["value"])


def confidence_charts(confidence: Mapping[str, Any]) -> list[Chart]:
    """Return the reliability of the probabilities, and risk over coverage."""
    bins, points = confidence["reliability"], confidence["risk_coverage"]
    promised, true, sizes = ([row[key] for row in bins] for key in ("probability", "right", "size"))
    reliability = Chart(
        "Reliability",
        reliability_plot(promised, true, sizes),
        "The share of mentions that are right over their mean probability, a point for each tenth.",
        f"ECE {share(confidence['ece'])} of {confidence['mentions']} mentions: how far the points lie from the dashed "
        "line, on which probability and truth agree. Larger points: more mentions.",
        ("probability", "mean", "right", "mentions"),
        tuple(
            (f"{row['low']:.1f} to {row['high']:.1f}", share(row["probability"]), share(row["right"]), str(row["size"]))
            for row in bins
        ),
    )
    shown = [point for number, point in enumerate(points) if number % 10 == 9 or number == len(points) - 1]
    coverage, risk = ([point[key] for point in points] for key in ("coverage", "risk"))
    selective = Chart(
        "Risk and coverage",
        risk_plot(coverage, risk),
        "Line plot of the share of wrong answers over the share of queries that are answered, the surest first.",
        f"Of all {confidence['queries']} queries, {share(risk[-1])} are answered wrongly; the mean risk over all "
        f"coverages (AURC) is {share(confidence['aurc'])}.",
        ("coverage", "risk", "threshold"),
        tuple((share(point["coverage"]), share(point["risk"]), share(point["threshold"])) for point in shown),
    )
    return [reliability, selective]


def training_charts(rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return the loss by epoch, and Acc@1 on dev where it was measured."""
    charts = []
    trained = [row for row in rows if "loss" in row]
    if trained:
        losses = [row["loss"] for row in trained]
        keys = [key for key in LOGGED if all(key in row for row in trained)]
        charts.append(
            Chart(
                "Training loss",
                lines_plot([row["epoch"] for row in trained], {"loss": losses}, xlabel="epoch", ylabel="loss"),
                "Line plot of the mean loss of each epoch.",
                f"From {share(losses[0])} in the first epoch to {share(losses[-1])} in the last of {len(trained)}.",
                ("epoch", *(LOGGED[key] for key in keys)),
                tuple((str(row["epoch"]), *(share(row[key]) for key in keys)) for row in trained),
            )
        )
    measured = [row for row in rows if "dev" in row]
    if measured:
        charts.append(_dev_chart(measured))
    return charts


def _dev_chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    lines = {mode: [row["dev"][mode]["acc1"] for row in rows] for mode in MODES}
    epochs = [row["epoch"] for row in rows]
    best = max(range(len(rows)), key=lambda row: lines["hybrid"][row])
    return Chart(
        "Acc@1 on dev by epoch",
        lines_plot(epochs, lines, xlabel="epoch", ylabel="Acc@1 on dev"),
        "Line plot of Acc@1 on dev over the epochs, by score mode.",
        f"The hybrid score is best after epoch {epochs[best]}: {share(lines['hybrid'][best])}.",
        ("epoch", *MODES),
        tuple((str(row["epoch"]), *(share(row["dev"][mode]["acc1"]) for mode in MODES)) for row in rows),
    )

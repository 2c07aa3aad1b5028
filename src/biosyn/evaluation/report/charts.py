"""The charts of the report: each is a plot, a sentence that says what it shows, and a table of the same numbers."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from biosyn.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODES = ("hybrid", "dense", "sparse")
LOGGED = {"loss": "loss", "w": "w", "positive_share": "mentions with a positive candidate"}  # train.py logs all three
FIGURE_COLUMNS = ("value", "from", "to", "of")  # of `figure_cells`
_STYLE: Any = {
    "svg.fonttype": "none",  # keeps text as text, in the reader's font
    "svg.hashsalt": "biosyn",  # gives the same ids in every run
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.labelpad": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
INK, GREY = "#1b2624", "#c9d1ce"
LINES: tuple[Any, ...] = ({"marker": "o"}, {"marker": "s", "linestyle": "--"}, {"marker": "^", "linestyle": ":"})


class Chart(NamedTuple):
    """A chart; ``rows`` are the cells of its table, and the first cell of each row is its heading."""

    title: str
    image: str
    alt: str
    summary: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def require_matplotlib() -> None:
    """Raise InputError if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error


def decimals(value: float) -> str:
    """Return a number with four decimals, as everywhere on the page.

    Examples
    --------
    >>> decimals(841 / 960)
    '0.8760'
    """
    return f"{value:.4f}"


def figure_cells(figure: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return a figure of ``metrics.json`` as cells: value, both ends of its interval, denominator.

    Examples
    --------
    >>> figure_cells({"value": 0.5, "low": 0.25, "high": 0.75, "total": 2, "of": 4})
    ('0.5000', '0.2500', '0.7500', '4')
    """
    return decimals(figure["value"]), decimals(figure["low"]), decimals(figure["high"]), str(figure["of"])


# -- accuracy


def accuracy_chart(metrics: Mapping[str, Any]) -> Chart:
    """Return Acc@1 to Acc@K by the lenient protocol."""
    figures = [metrics["protocols"]["lenient"][f"acc{k}"] for k in range(1, metrics["topk"] + 1)]
    values, band = [found["value"] for found in figures], [[found[end] for found in figures] for end in ("low", "high")]
    ks = list(range(1, len(figures) + 1))
    return Chart(
        "Acc@k",
        _lines_plot(ks, {"Acc@k": values}, xlabel="k", ylabel="Acc@k", band=band),
        "Line plot of Acc@k over k, its 95 % interval shaded.",
        f"The right concept is first for {decimals(values[0])} of the queries, and among the first {len(values)} names "
        f"for {decimals(values[-1])}. Grey: 95 % interval.",
        ("k", *FIGURE_COLUMNS),
        tuple((str(k), *figure_cells(found)) for k, found in zip(ks, figures, strict=True)),
    )


def slices_chart(metrics: Mapping[str, Any]) -> Chart:
    """Return Acc@1 by slice."""
    found = [
        (f"{name}: {label}", figures["acc1"])
        for name, labels in metrics["slices"].items()
        for label, figures in labels.items()
    ]
    worst, best = (choose(found, key=lambda row: float(row[1]["value"])) for choose in (min, max))
    return Chart(
        "Acc@1 by slice",
        _intervals_plot([_interval_row(*row) for row in found], xlabel="Acc@1"),
        "A point with its 95 % interval for each slice of the queries.",
        f"Lowest for {worst[0]} ({decimals(worst[1]['value'])} of {worst[1]['of']} queries), "
        f"highest for {best[0]} ({decimals(best[1]['value'])} of {best[1]['of']}).",
        ("slice", *FIGURE_COLUMNS),
        tuple((label, *figure_cells(figure)) for label, figure in found),
    )


class _IntervalRow(NamedTuple):
    label: str
    value: float
    low: float
    high: float


def _interval_row(label: str, figure: Mapping[str, Any]) -> _IntervalRow:
    return _IntervalRow(f"{label} ({figure['of']})", figure["value"], figure["low"], figure["high"])


def _intervals_plot(rows: Sequence[_IntervalRow], *, xlabel: str) -> str:
    """Return a point with its interval for each row, the first one at the top."""
    with _axes(xlabel, "", height=0.9 + 0.3 * len(rows)) as (axes, result):
        heights = range(len(rows))
        reach = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
        axes.errorbar([row.value for row in rows], heights, xerr=reach, fmt="o", color=INK, ecolor=INK, capsize=3)
        axes.set_yticks(heights, [row.label for row in rows])
        axes.invert_yaxis()
        axes.grid(axis="x", color=GREY)
        axes.set_axisbelow(True)
    return result[0]


# -- confidence


def confidence_charts(confidence: Mapping[str, Any]) -> list[Chart]:
    """Return the reliability of the probabilities, and risk over coverage."""
    return [_reliability_chart(confidence), _risk_chart(confidence)]


def _reliability_chart(confidence: Mapping[str, Any]) -> Chart:
    bins = confidence["reliability"]
    return Chart(
        "Reliability",
        _reliability_plot(bins),
        "The fraction of mentions that are right over their mean probability, a point for each tenth.",
        f"ECE {decimals(confidence['ece'])} of {confidence['mentions']} mentions: how far the points are from the "
        "dashed line, on which probability and truth agree. Larger points: more mentions.",
        ("probability", "mean", "right", "mentions"),
        tuple(
            (
                f"{row['low']:.1f} to {row['high']:.1f}",
                decimals(row["probability"]),
                decimals(row["right"]),
                str(row["size"]),
            )
            for row in bins
        ),
    )


def _reliability_plot(bins: Sequence[Mapping[str, Any]]) -> str:
    """Return the fraction that is right over the mean probability; a larger point stands for more mentions."""
    probabilities, right, sizes = ([row[key] for row in bins] for key in ("probability", "right", "size"))
    with _axes("probability", "fraction that is right") as (axes, result):
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
        areas = [20 + 280 * size / sum(sizes) for size in sizes]
        axes.scatter(probabilities, right, s=areas, facecolor=GREY, edgecolor=INK)
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.05)
    return result[0]


def _risk_chart(confidence: Mapping[str, Any]) -> Chart:
    points = confidence["risk_coverage"]
    shown = [point for number, point in enumerate(points) if number % 10 == 9 or number == len(points) - 1]
    return Chart(
        "Risk and coverage",
        _risk_plot(points),
        "Line plot of the fraction of wrong answers over the fraction of queries that are answered, the surest first.",
        f"Of all {confidence['queries']} queries, {decimals(points[-1]['risk'])} are answered wrongly; the mean risk "
        f"over all coverages (AURC) is {decimals(confidence['aurc'])}.",
        ("coverage", "risk", "threshold"),
        tuple((decimals(point["coverage"]), decimals(point["risk"]), decimals(point["threshold"])) for point in shown),
    )


def _risk_plot(points: Sequence[Mapping[str, float]]) -> str:
    coverage, risk = ([point[key] for point in points] for key in ("coverage", "risk"))
    with _axes("coverage: fraction of the queries answered", "risk: fraction of these wrong") as (axes, result):
        axes.plot(coverage, risk, color=INK)
        axes.set_xlim(0, 1)
        axes.set_ylim(0)
    return result[0]


# -- training


def training_charts(rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return the loss by epoch, and Acc@1 on dev for the epochs in which it was measured."""
    trained, measured = [row for row in rows if "loss" in row], [row for row in rows if "dev" in row]
    return [*([_loss_chart(trained)] if trained else []), *([_dev_chart(measured)] if measured else [])]


def _loss_chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    losses = [row["loss"] for row in rows]
    keys = [key for key in LOGGED if all(key in row for row in rows)]
    return Chart(
        "Training loss",
        _lines_plot([row["epoch"] for row in rows], {"loss": losses}, xlabel="epoch", ylabel="loss"),
        "Line plot of the mean loss of each epoch.",
        f"From {decimals(losses[0])} in the first epoch to {decimals(losses[-1])} in the last of {len(rows)}.",
        ("epoch", *(LOGGED[key] for key in keys)),
        tuple((str(row["epoch"]), *(decimals(row[key]) for key in keys)) for row in rows),
    )


def _dev_chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    lines = {mode: [row["dev"][mode]["acc1"] for row in rows] for mode in MODES}
    epochs = [row["epoch"] for row in rows]
    best = max(range(len(rows)), key=lambda row: lines["hybrid"][row])
    return Chart(
        "Acc@1 on dev by epoch",
        _lines_plot(epochs, lines, xlabel="epoch", ylabel="Acc@1 on dev"),
        "Line plot of Acc@1 on dev over the epochs, by score mode.",
        f"The hybrid score is best after epoch {epochs[best]}: {decimals(lines['hybrid'][best])}.",
        ("epoch", *MODES),
        tuple((str(row["epoch"]), *(decimals(row["dev"][mode]["acc1"]) for mode in MODES)) for row in rows),
    )


# -- drawing


def _lines_plot(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, band: Any = None
) -> str:
    """Return lines over the same whole numbers; ``band`` holds the lower and upper ends of an area to shade."""
    from matplotlib.ticker import MaxNLocator

    with _axes(xlabel, ylabel) as (axes, result):
        if band is not None:
            axes.fill_between(x, *band, color=GREY, linewidth=0)
        for style, (label, values) in zip(LINES, lines.items(), strict=False):
            axes.plot(x, values, color=INK, markersize=5, label=label, **style)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(lines) > 1:
            axes.legend(frameon=False)
    return result[0]


@contextmanager
def _axes(xlabel: str, ylabel: str, *, height: float = 3.4) -> Iterator[tuple["Axes", list[str]]]:
    """Yield axes to draw on, and a list that contains the image as a data URL afterwards."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    result: list[str] = []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, height), layout="constrained")
        axes = figure.subplots()
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        yield axes, result
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    result.append(f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}")

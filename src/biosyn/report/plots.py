"""The plots, as SVG in a ``data:`` address: in black and grey, told apart by markers and dashes, the same each time."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from biosyn.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text, in the reader's font
    "svg.hashsalt": "biosyn",  # ids do not change from run to run
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.labelpad": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
INK, GREY = "#1b2624", "#c9d1ce"
LINES: tuple[Any, ...] = ({"marker": "o"}, {"marker": "s", "linestyle": "--"}, {"marker": "^", "linestyle": ":"})


class Row(NamedTuple):
    """A figure of a forest plot: what it is of, the value and its interval."""

    label: str
    value: float
    low: float
    high: float


def require_matplotlib() -> None:
    """Refuse to go on without matplotlib.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("matplotlib", "report") from error


def lines_plot(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], *, xlabel: str, ylabel: str, band: Any = None
) -> str:
    """Return lines over common places, as whole numbers; ``band`` is a pair of ends to shade between."""
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


def forest_plot(rows: Sequence[Row], *, xlabel: str) -> str:
    """Return a point with its interval for each row, the first one at the top."""
    with _axes(xlabel, "", height=0.9 + 0.3 * len(rows)) as (axes, result):
        places = range(len(rows))
        reach = [[row.value - row.low for row in rows], [row.high - row.value for row in rows]]
        axes.errorbar([row.value for row in rows], places, xerr=reach, fmt="o", color=INK, ecolor=INK, capsize=3)
        axes.set_yticks(places, [row.label for row in rows])
        axes.invert_yaxis()
        axes.grid(axis="x", color=GREY)
        axes.set_axisbelow(True)
    return result[0]


def reliability_plot(promised: Sequence[float], true: Sequence[float], sizes: Sequence[int]) -> str:
    """Return what came true over what was promised; a larger point stands for more mentions."""
    with _axes("probability", "share that is right") as (axes, result):
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
        areas = [20 + 280 * size / sum(sizes) for size in sizes]
        axes.scatter(promised, true, s=areas, facecolor=GREY, edgecolor=INK)
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.05)
    return result[0]


def risk_plot(coverage: Sequence[float], risk: Sequence[float]) -> str:
    """Return the risk over the coverage."""
    with _axes("coverage: share of the queries answered", "risk: share of these wrong") as (axes, result):
        axes.plot(coverage, risk, color=INK)
        axes.set_xlim(0, 1)
        axes.set_ylim(0)
    return result[0]


@contextmanager
def _axes(xlabel: str, ylabel: str, *, height: float = 3.4) -> Iterator[tuple["Axes", list[str]]]:
    """Give axes to draw on, and a list that holds the image's address afterwards."""
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

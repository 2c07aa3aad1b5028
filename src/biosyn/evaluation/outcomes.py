"""The outcome of each query of an evaluation, the figures made from them, ``metrics.json`` and the table of figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biosyn.evaluation.accuracy import hits_at, reciprocal_ranks
from biosyn.evaluation.intervals import RESAMPLES, SEED, Figure, Measure, figures_of, interval_json, sampling_units
from biosyn.evaluation.slices import Slice

FigureKey = tuple[str, ...]
"""``("protocols", "lenient", "acc1")`` or ``("slices", "mention", "seen", "acc1")``."""

SHOWN_OF_PROTOCOLS = ("acc1", "acc5", "acc10", "acc20", "mrr", "recall_topk", "recall_dictionary")  # in the table


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """The outcomes of Q queries, in order; all parts are of the same queries.

    Attributes
    ----------
    documents
        The document of each query.
    topk
        K, the number of candidates per mention.
    ranks
        The rank, from 1, at which each query is right by the lenient protocol, or 0; shape (Q,).
    in_topk, in_dictionary
        Whether a gold id is among the ids of any candidate, and of any name in the dictionary; bool, (Q,).
    strict
        Whether the concepts of the best names are right by the strict protocol, bool, (Q,); None if that cannot be
        known.
    strict_unresolved
        The same where a name of several concepts is always wrong; None together with ``strict``.
    refined
        Whether the refined protocol keeps the query, bool, (Q,); None without training queries.
    slices
        Ways to divide the queries, with one label per query.
    left_out
        Missing figures -> reason.

    Raises
    ------
    ValueError
        If there is no query, the parts differ in the number of queries, or they contradict each other: a rank above K,
        a hit outside the top K, one outside the dictionary, a strict hit that is not a lenient one, or one without
        resolving that is none with it.
    """

    documents: tuple[str, ...]
    topk: int
    ranks: NDArray[np.int64]
    in_topk: NDArray[np.bool_]
    in_dictionary: NDArray[np.bool_]
    strict: NDArray[np.bool_] | None = None
    strict_unresolved: NDArray[np.bool_] | None = None
    refined: NDArray[np.bool_] | None = None
    slices: tuple[Slice, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.documents:
            raise ValueError("no queries to evaluate")
        for name in ("ranks", "in_topk", "in_dictionary", "strict", "strict_unresolved", "refined"):
            part = getattr(self, name)
            if part is not None and part.shape != (len(self.documents),):
                raise ValueError(f"{name}: {part.shape} for {len(self.documents)} queries")
        for part in self.slices:
            if len(part.labels) != len(self.documents):
                raise ValueError(f"slice {part.name}: {len(part.labels)} labels for {len(self.documents)} queries")
        everyone = np.ones(len(self), dtype=np.bool_)
        _require_order("ranks are between 0 and K", everyone, (self.ranks >= 0) & (self.ranks <= self.topk))
        _require_order("a hit is in the top K", self.ranks > 0, self.in_topk)
        _require_order("what is found is in the dictionary", self.in_topk, self.in_dictionary)
        if self.strict is not None:
            _require_order("a strict hit is a lenient one", self.strict, self.ranks == 1)
            if self.strict_unresolved is not None:
                _require_order("a name of one concept is resolved to it", self.strict_unresolved, self.strict)

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def units(self) -> NDArray[np.int64]:
        """The sampling unit of each query, (Q,)."""
        return sampling_units(self.documents)

    def measures(self) -> dict[FigureKey, Measure]:
        """Return the measure of every figure, in the order in which figures are shown."""
        everyone = np.ones(len(self), dtype=np.bool_)
        found: dict[FigureKey, Measure] = {}
        for name, values in self._lenient().items():
            found["protocols", "lenient", name] = Measure(values, everyone)
        for name, hits in self._strict().items():
            found["protocols", name, "acc1"] = Measure(hits.astype(np.float64), everyone)
        if self.refined is not None:
            for name, values in self._lenient().items():
                found["protocols", "refined", name] = Measure(values, self.refined)
        for part in self.slices:
            for label in sorted(set(part.labels)):
                members = np.array([other == label for other in part.labels], dtype=np.bool_)
                for name, values in self._for_slices().items():
                    found["slices", part.name, label, name] = Measure(values, members)
        return found

    def figures(self, *, resamples: int = RESAMPLES, seed: int = SEED) -> dict[FigureKey, Figure]:
        """Return every figure, all intervals from the same resamples of documents."""
        return figures_of(self.measures(), self.units, resamples=resamples, seed=seed)

    def _lenient(self) -> dict[str, NDArray[np.float64]]:
        accuracy = {f"acc{k}": hits_at(self.ranks, k).astype(np.float64) for k in range(1, self.topk + 1)}
        return {
            **accuracy,
            "mrr": reciprocal_ranks(self.ranks),
            "recall_topk": self.in_topk.astype(np.float64),
            "recall_dictionary": self.in_dictionary.astype(np.float64),
        }

    def _for_slices(self) -> dict[str, NDArray[np.float64]]:
        found = {f"acc{k}": hits_at(self.ranks, k).astype(np.float64) for k in sorted({1, min(5, self.topk)})}
        return found | {f"{name}_acc1": hits.astype(np.float64) for name, hits in self._strict().items()}

    def _strict(self) -> dict[str, NDArray[np.bool_]]:
        found = {"strict": self.strict, "strict_unresolved": self.strict_unresolved}
        return {name: hits for name, hits in found.items() if hits is not None}


def _require_order(rule: str, smaller: NDArray[np.bool_], larger: NDArray[np.bool_]) -> None:
    wrong = np.flatnonzero(smaller > larger)
    if len(wrong):
        raise ValueError(f"query {wrong[0]} breaks the rule: {rule}")


def metrics_json(outcomes: Outcomes, figures: Mapping[FigureKey, Figure]) -> dict[str, Any]:
    """Return the content of ``metrics.json``: counts, the method of the intervals, then the figures by their keys."""
    tree: dict[str, Any] = {"protocols": {}, "slices": {}}
    for key, figure in figures.items():
        branch = tree
        for part in key[:-1]:
            branch = branch.setdefault(part, {})
        branch[key[-1]] = figure.to_json()
    return {
        "queries": len(outcomes),
        "documents": len(set(outcomes.documents)),
        "topk": outcomes.topk,
        "interval": interval_json(outcomes.documents),
        **tree,
        "left_out": dict(outcomes.left_out),
    }


def metrics_table(outcomes: Outcomes, figures: Mapping[FigureKey, Figure]) -> list[str]:
    """Return the lines of the table: the figures of every protocol and slice, with interval and denominator."""
    rows = [("", "", "95 % interval", "of"), *_rows(figures)]
    notes = [f"left out: {what} ({why})" for what, why in outcomes.left_out.items()]
    return [*_aligned(rows), *notes]


def _rows(figures: Mapping[FigureKey, Figure]) -> Iterator[tuple[str, str, str, str]]:
    for key, figure in figures.items():
        if key[0] == "slices" or key[-1] in SHOWN_OF_PROTOCOLS:
            interval = f"{figure.low:.4f} - {figure.high:.4f}"
            yield " ".join(key[1:]), f"{figure.value:.4f}", interval, str(figure.of)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns, the first to the left, the others to the right.

    Examples
    --------
    >>> _aligned([("", "of"), ("acc1", "960")])
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

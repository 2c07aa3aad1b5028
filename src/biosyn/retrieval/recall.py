"""What an approximate search finds of what the exact one does."""

import time

from biosyn.index.approximate import Search
from biosyn.retrieval.search import TopNames
from biosyn.retrieval.vectors import Vectors

DEPTHS = (1, 20)
SAME = 1e-5  # relative: scores that differ by less are the same answer
TIMED, TIMED_EXACT = 50, 3  # queries that are timed one at a time


def recall_at(found: TopNames, exact: TopNames, depth: int) -> float:
    """Return the share of the exact search's first ``depth`` names that the other found, by score, so that ties count.

    Parameters
    ----------
    found, exact
        Names of the same mentions, (M, K); beyond K there is nothing to find.

    Examples
    --------
    >>> import torch
    >>> exact, found = (TopNames(torch.tensor([rows]), torch.tensor([scores])) for rows, scores in (
    ...     ([4, 2, 7], [0.9, 0.5, 0.5]), ([4, 7, 1], [0.9, 0.5, 0.1])))
    >>> recall_at(found, exact, 2), round(recall_at(found, exact, 3), 3)
    (1.0, 0.667)
    """
    depth = min(depth, exact.scores.shape[1])
    worst = exact.scores[:, depth - 1 : depth]  # (M, 1)
    return float((found.scores[:, :depth] >= worst - SAME * worst.abs()).float().mean())


def measure_recall(search: Search, exact: Search, queries: Vectors, *, n_names: int) -> dict[str, float]:
    """Return recall@1 and @20 of M queries, and the milliseconds of a query that comes alone, by either search."""
    deepest = min(max(DEPTHS), n_names)
    found, expected = search(queries, deepest), exact(queries, deepest)
    return {
        "queries": queries.count,
        **{f"recall@{depth}": round(recall_at(found, expected, depth), 5) for depth in DEPTHS},
        "ms_a_query": _milliseconds(search, queries.slice(0, TIMED), deepest),
        "exact_ms_a_query": _milliseconds(exact, queries.slice(0, TIMED_EXACT), deepest),
    }


def _milliseconds(search: Search, queries: Vectors, topk: int) -> float:
    started = time.perf_counter()
    for row in range(queries.count):
        search(queries.slice(row, row + 1), topk)
    return round(1000 * (time.perf_counter() - started) / queries.count, 3)

"""The intervals of an evaluation of 5,000 queries: 10,000 resamples of its documents, for all figures at once.

The plain way draws each document's queries in a Python loop; it is timed on fewer resamples and scaled up.

python benchmarks/bootstrap.py
"""

import argparse
import random

import numpy as np
from common import alternate, report

from biosyn.evaluation.intervals import RESAMPLES, percentile_interval, resampled_ratios

PLAIN_RESAMPLES = 20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--figures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rows = [_row(args, n_documents) for n_documents in (100, 500, args.queries)]
    report("bootstrap", rows, {"queries": args.queries, "figures": args.figures, "resamples": RESAMPLES})


def _row(args: argparse.Namespace, n_documents: int) -> dict[str, object]:
    draw = np.random.default_rng(0)
    units = np.arange(args.queries) % n_documents
    values = (draw.random((args.queries, args.figures)) < 0.9).astype(np.float64)
    sizes = np.ones_like(values)
    right = values[:, 0].tolist()
    queries_of: list[list[int]] = [np.flatnonzero(units == unit).tolist() for unit in range(n_documents)]

    def plain() -> list[float]:  # one figure
        found = []
        for _ in range(PLAIN_RESAMPLES):
            drawn = [query for unit in random.choices(range(n_documents), k=n_documents) for query in queries_of[unit]]
            found.append(sum(right[query] for query in drawn) / len(drawn))
        return found

    seconds = alternate(
        {"plain": plain, "ours": lambda: percentile_interval(resampled_ratios(values, sizes, units))},
        rounds=args.rounds,
    )
    plain_seconds = seconds["plain"] * RESAMPLES / PLAIN_RESAMPLES * args.figures
    return {
        "documents": n_documents,
        "seconds": seconds["ours"],
        "plain, scaled up": plain_seconds,
        "ratio": plain_seconds / seconds["ours"],
    }


if __name__ == "__main__":
    main()

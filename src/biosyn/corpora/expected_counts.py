"""The published counts of each corpus, to which a preprocessed one is compared."""

from collections.abc import Iterator, Mapping

Counts = Mapping[str, Mapping[str, int]]
TOTAL = "all"


def _splits(train: int, dev: int, test: int) -> dict[str, int]:
    return {"train": train, "dev": dev, "test": test}


# Source: Sung et al. 2020 and, for what it does not report, the corpora's own papers and pages. The numbers of queries
# and dictionary names hold for the MEDIC of 2012-07-06 and the default options. "all" is the sum over the splits.
EXPECTED_COUNTS: Mapping[str, Counts] = {
    "ncbi-disease": {
        "documents": _splits(592, 100, 100),
        "mentions": _splits(5134, 787, 960),
        "queries": _splits(5134, 787, 960),
        "dictionary_names": _splits(71_924, 72_887, 73_024),
    },
    "bc5cdr-disease": {
        "documents": _splits(500, 500, 500),
        "mentions": _splits(4182, 4244, 4424),
        "queries": _splits(4131, 4178, 4287),
    },
    "bc5cdr-chemical": {"documents": _splits(500, 500, 500), "mentions": _splits(5203, 5347, 5385)},
    "tac2017adr": {"documents": {"train": 101, "test": 99}},
    "medmentions-st21pv": {"documents": {TOTAL: 4392}, "mentions": {TOTAL: 203_282}},
    "medmentions-full": {"documents": {TOTAL: 4392}, "mentions": {TOTAL: 352_496}},
    "bc2gn": {"documents": {"train": 281, "test": 262}},
}


def count_differences(counts: Counts, expected: Counts) -> Iterator[str]:
    """Yield a line for each count that differs from the expected one.

    Examples
    --------
    >>> list(count_differences({"documents": {"train": 3, "dev": 1}}, {"documents": {"train": 3, "dev": 2}}))
    ['1 dev documents (published: 2)']
    >>> list(count_differences({"mentions": {"train": 3, "test": 1}}, {"mentions": {"all": 5}}))
    ['4 mentions (published: 5)']
    """
    for kind, by_split in expected.items():
        for split, number in by_split.items():
            found = sum(counts[kind].values()) if split == TOTAL else counts[kind].get(split, 0)
            if found != number:
                where = "" if split == TOTAL else f"{split} "
                yield f"{found:,} {where}{kind.replace('_', ' ')} (published: {number:,})"

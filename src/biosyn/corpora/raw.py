"""Finding the files of a corpus below the folder that a user unpacked."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from biosyn.data.bad_entries import ReadingReport
from biosyn.errors import InputError
from biosyn.files import require_folder

NOWHERE = "-1"
Counts = Mapping[str, Mapping[str, int]]
TOTAL = "all"


def _splits(train: int, dev: int, test: int) -> dict[str, int]:
    return {"train": train, "dev": dev, "test": test}


# Sung et al. 2020 and, where they say nothing, the corpora's own papers and pages. Queries and dictionary names are
# those with the MEDIC of 2012-07-06 and the default options. "all" is the sum over the splits.
PUBLISHED: Mapping[str, Counts] = {
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


def raw_files(raw_dir: str | Path, names: Mapping[str, str]) -> dict[str, Path]:
    """Return the path of each file, packed (``.gz``) where only that is there; reading tells what is missing."""
    plain = {key: Path(raw_dir) / name for key, name in names.items()}
    return {key: _existing(path) or path for key, path in plain.items()}


def raw_file(raw_dir: str | Path, names: Sequence[str]) -> Path:
    """Return the first of the relative names that is there, as it is or packed (``.gz``).

    Raises
    ------
    InputError
        If the folder is missing, or there is none of them in it.
    """
    folder = require_folder(raw_dir)
    for name in names:
        path = _existing(folder / name)
        if path:
            return path
    raise InputError(f"holds no {' or '.join(names)} (nor the same with .gz): check --raw_dir", path=folder)


def _existing(path: Path) -> Path | None:
    return next((found for found in (path, path.with_name(f"{path.name}.gz")) if found.is_file()), None)


def find_place(mention: str, text: str, *, report: ReadingReport) -> tuple[str, str]:
    """Return start and end of the first place where the text holds the mention, else where it does in another case.

    Returns
    -------
    tuple of str
        Characters from 0; ``-1`` twice, and a note in the report, where the text does not hold it.

    Examples
    --------
    >>> find_place("smad 5", "Of Smad 5.", report=ReadingReport())
    ('3', '9')
    """
    start = text.find(mention)
    if start < 0 and len(text.lower()) == len(text):  # else the places of the two texts differ
        start = text.lower().find(mention.lower())
    if start < 0:
        report.note("mentions that the text does not hold as they stand")
        return NOWHERE, NOWHERE
    return str(start), str(start + len(mention))


def differences(counts: Counts, published: Counts) -> Iterator[str]:
    """Yield each count that is not the published one.

    Examples
    --------
    >>> list(differences({"documents": {"train": 3, "dev": 1}}, {"documents": {"train": 3, "dev": 2}}))
    ['1 dev documents (published: 2)']
    >>> list(differences({"mentions": {"train": 3, "test": 1}}, {"mentions": {"all": 5}}))
    ['4 mentions (published: 5)']
    """
    for kind, expected in published.items():
        for split, number in expected.items():
            found = sum(counts[kind].values()) if split == TOTAL else counts[kind].get(split, 0)
            if found != number:
                where = "" if split == TOTAL else f"{split} "
                yield f"{found:,} {where}{kind.replace('_', ' ')} (published: {number:,})"

"""What readers of raw corpora need: the corpus's files in the folder that a user unpacked, and mentions in a text."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from biosyn.data.bad_entries import ReadCounts
from biosyn.errors import InputError
from biosyn.files import require_folder

NO_OFFSET = "-1"


def raw_files(raw_dir: str | Path, names: Mapping[str, str]) -> dict[str, Path]:
    """Return the path of each file, or of its ``.gz`` where only that exists; a missing file fails when it is read."""
    plain = {key: Path(raw_dir) / name for key, name in names.items()}
    return {key: _existing(path) or path for key, path in plain.items()}


def raw_file(raw_dir: str | Path, names: Sequence[str]) -> Path:
    """Return the path of the first of these relative names that exists, plain or as ``.gz``."""
    folder = require_folder(raw_dir)
    for name in names:
        path = _existing(folder / name)
        if path:
            return path
    raise InputError(f"holds no {' or '.join(names)} (nor the same with .gz): check --raw_dir", path=folder)


def _existing(path: Path) -> Path | None:
    return next((found for found in (path, path.with_name(f"{path.name}.gz")) if found.is_file()), None)


def find_span(mention: str, text: str, *, counts: ReadCounts) -> tuple[str, str]:
    """Return start and end of the mention's first occurrence in a text; if there is none, of the first in any case.

    Returns
    -------
    tuple of str
        Characters from 0; ``-1`` twice where the text does not contain the mention, which is noted in the counts.

    Examples
    --------
    >>> find_span("smad 5", "Of Smad 5.", counts=ReadCounts())
    ('3', '9')
    """
    start = text.find(mention)
    if start < 0 and len(text.lower()) == len(text):  # otherwise the offsets of the two texts differ
        start = text.lower().find(mention.lower())
    if start < 0:
        counts.note("mentions that the text does not hold as they stand")
        return NO_OFFSET, NO_OFFSET
    return str(start), str(start + len(mention))

"""How far the building of an index has come, so that one which was killed goes on where it was."""

from dataclasses import asdict, dataclass
from pathlib import Path

from biosyn.errors import InputError
from biosyn.files import library_versions, read_json, write_json

PROGRESS = "progress.json"


@dataclass(frozen=True)
class Progress:
    """What is complete in the folder of an index that is being built.

    All arrays but the dense one are, and in that one the vectors taken from another index and the first ``done`` names
    of those that had to be embedded.

    Parameters
    ----------
    known
        Key of the index that vectors were taken from; None where there was none.
    hidden, ngrams, nonzero
        As in the header.
    done
        How many distinct names are embedded: whole blocks of ``block`` names, or all.
    libraries
        Versions that they were embedded with.
    """

    known: str | None
    hidden: int
    ngrams: int
    nonzero: int
    done: int
    block: int
    libraries: dict[str, str]


def write_progress(folder: Path, progress: Progress) -> None:
    """Write it whole or not at all; what it speaks of must be on disk before.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    write_json(folder / PROGRESS, asdict(progress))


def read_progress(folder: Path, *, block: int) -> Progress | None:
    """Return the progress of a folder; None where there is none that a build of these blocks can go on from.

    Other versions of the libraries round otherwise: half of the vectors would be of one, half of the other.
    """
    try:
        progress = Progress(**read_json(folder / PROGRESS))
    except (InputError, TypeError):
        return None
    numbers = (progress.hidden, progress.ngrams, progress.nonzero, progress.done)
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        return None
    return progress if (progress.block, progress.libraries) == (block, library_versions()) else None
